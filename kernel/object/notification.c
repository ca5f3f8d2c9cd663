/* SPDX-License-Identifier: MIT */
/*
 * Notifications and the interrupts that signal them.
 */
#include "abi/hypercall.h"
#include "kernel/arch/arch.h"
#include "kernel/iommu/vtd.h"
#include "kernel/ipc/ipc.h"
#include "kernel/object/ec.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/object/pd.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"

#define INTERRUPT_LINES 256u

/* Who has each line: global system interrupts, then messages. */
static struct interrupt *interrupt_owner[INTERRUPT_LINES];

static struct ec *waiting(const struct notification *notification)
{
    struct ec *waiter = notification->waiter;

    return waiter && waiter->state == EC_WAIT && waiter->waits_for == notification ? waiter : 0;
}

void notification_deliver(struct notification *notification)
{
    struct ec *waiter = waiting(notification);
    uint64_t bits;

    if (!waiter)
        return;
    bits = __atomic_exchange_n(&notification->pending, 0, __ATOMIC_SEQ_CST);
    if (bits)
        ipc_wake_notification(waiter, bits);
}

/* A waiter elsewhere whose state is not WAIT looks at `pending` after it has become that (wait_begin() in kernel/ipc). */
void notification_arrived(struct notification *notification)
{
    struct ec *waiter = __atomic_load_n(&notification->waiter, __ATOMIC_SEQ_CST);

    if (!waiter)
        return;
    if (waiter->cpu == cpu_self()->id)
        notification_deliver(notification);
    else if (__atomic_load_n(&waiter->state, __ATOMIC_SEQ_CST) == EC_WAIT)
        cpu_post_notification(cpus[waiter->cpu], notification);
}

void notification_signal(struct notification *notification, uint64_t badge)
{
    __atomic_fetch_or(&notification->pending, badge, __ATOMIC_SEQ_CST);
    notification_arrived(notification);
}

void notification_destroy(struct notification *notification)
{
    struct ec *waiter = waiting(notification);

    if (notification->waiter && notification->waiter->waits_for == notification)
        notification->waiter->waits_for = 0;
    if (waiter) {
        waiter->regs.rax = ERR_PEER_GONE;
        sched_wake(waiter);
    }
    account_object_free(&notification->object);
}

static bool is_message(uint64_t line)
{
    return line >= arch_gsi_count();
}

/* A line for a message that nobody has: behind those of the I/O APICs. */
static enum status message_line(uint32_t *line)
{
    for (unsigned i = arch_gsi_count(); i < arch_line_count() && i < INTERRUPT_LINES; i++)
        if (!interrupt_owner[i]) {
            *line = i;
            return OK;
        }
    return ERR_EXISTS;
}

/* Finds out which line it will be. */
static enum status source_check(const struct interrupt_source *source, uint32_t *line)
{
    if (source->flags == INTERRUPT_MESSAGE)
        return source->number > UINT16_MAX ? ERR_RANGE : message_line(line);
    if (source->flags == INTERRUPT_FAULT)
        return source->iommu_opt->has_fault_line ? ERR_EXISTS : message_line(line);
    if (source->flags & ~(uint32_t)(INTERRUPT_LEVEL | INTERRUPT_ACTIVE_LOW))
        return ERR_INVALID;
    if (source->number >= arch_gsi_count() || source->number >= INTERRUPT_LINES)
        return ERR_RANGE;
    *line = source->number;
    return interrupt_owner[*line] ? ERR_EXISTS : OK;
}

static void source_begin(const struct interrupt_source *source, struct interrupt *interrupt)
{
    struct iommu *iommu = source->iommu_opt;

    interrupt->line_of_fault = source->flags == INTERRUPT_FAULT;
    if (iommu)
        interrupt->iommu = reference_to(&iommu->object);
    if (interrupt->line_of_fault) {
        struct message message = arch_message(interrupt->line); /* a unit's own are not remapped */

        iommu->has_fault_line = true;
        vtd_fault_event(&iommu->vtd, message.address, message.data);
    } else if (!is_message(interrupt->line)) {
        arch_gsi_configure(interrupt->line, source->flags & INTERRUPT_LEVEL,
                           source->flags & INTERRUPT_ACTIVE_LOW);
    } else if (iommu && iommu->vtd.remaps) {
        iommu_line_set(iommu, interrupt->line, (uint16_t)source->number, false);
    }
}

enum status interrupt_create(struct pd *account, const struct interrupt_source *source,
                             struct notification *notification, uint64_t badge, struct interrupt **out)
{
    struct interrupt *interrupt;
    uint32_t line;
    enum status status = source_check(source, &line);

    if (status != OK)
        return status;
    interrupt = account_object_alloc(account, OBJECT_INTERRUPT, sizeof(*interrupt));
    if (!interrupt)
        return ERR_NO_KMEM;
    interrupt->notification = reference_to(&notification->object);
    interrupt->badge = badge;
    interrupt->line = line;
    __atomic_store_n(&interrupt_owner[line], interrupt, __ATOMIC_RELEASE);
    source_begin(source, interrupt);
    *out = interrupt;
    return OK;
}

static struct iommu *iommu_of(const struct interrupt *interrupt)
{
    return (struct iommu *)reference_get(&interrupt->iommu);
}

struct message interrupt_message(const struct interrupt *interrupt)
{
    const struct iommu *iommu = iommu_of(interrupt);

    return iommu ? iommu_message(iommu, interrupt->line) : arch_message(interrupt->line);
}

void interrupt_destroy(struct interrupt *interrupt)
{
    struct iommu *iommu = iommu_of(interrupt);

    if (!is_message(interrupt->line)) {
        arch_gsi_mask(interrupt->line);
    } else if (interrupt->line_of_fault && iommu) {
        vtd_fault_mask(&iommu->vtd, true);
        iommu->has_fault_line = false;
    } else if (iommu && iommu->vtd.remaps) {
        iommu_line_clear(iommu, interrupt->line);
    }
    interrupt_owner[interrupt->line] = 0;
    account_object_free(&interrupt->object);
}

void interrupt_ack(struct interrupt *interrupt)
{
    struct iommu *iommu = iommu_of(interrupt);

    if (!is_message(interrupt->line))
        arch_gsi_unmask(interrupt->line);
    else if (interrupt->line_of_fault && iommu)
        vtd_fault_mask(&iommu->vtd, false);
}

void interrupt_raised(unsigned line)
{
    struct interrupt *interrupt = line < INTERRUPT_LINES ? interrupt_owner[line] : 0;
    struct notification *notification =
        interrupt ? (struct notification *)reference_get(&interrupt->notification) : 0;

    if (notification)
        notification_signal(notification, interrupt->badge);
}
