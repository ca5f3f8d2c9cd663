/* SPDX-License-Identifier: MIT */
/*
 * IRQ: global system interrupts, each to one session at a time, and messages. The kernel object is on core's account (one
 * capability).
 */
#include "contract/irq/dispatch.h"
#include "core/assert.h"
#include "core/core.h"
#include "core/dma.h"
#include "core/session.h"
#include "lib/base/session.h"
#include "lib/string/string.h"

struct irq_session {
    struct session session;
    uint32_t gsi;
    uint16_t device;    /* who sends messages; 0 without an IOMMU */
    uint32_t origin;    /* its IOMMU, or the machine */
    unsigned flags;     /* enum interrupt_flag */
    uint32_t interrupt; /* CAP_NONE until it is bound */
    struct kernel_message message;
};

static bool is_message(const struct irq_session *irq)
{
    return irq->flags & INTERRUPT_MESSAGE;
}

/* `name` is absent or `usual`: false; `other`: true. Anything else is an error. */
static enum status choice(const char *args, const char *name, const char *usual, const char *other, bool *out)
{
    char value[8];
    enum status status = session_arg(args, name, value, sizeof(value));

    *out = false;
    if (status == ERR_NOT_FOUND)
        return OK;
    if (status != OK)
        return ERR_INVALID;
    *out = strcmp(value, other) == 0;
    return *out || strcmp(value, usual) == 0 ? OK : ERR_INVALID;
}

static enum status open_line(struct irq_session *irq, const char *args)
{
    struct session *other = NULL;
    bool level, low;
    uint64_t gsi;

    if (session_arg_number(args, "gsi", &gsi) != OK ||
        choice(args, "trigger", "edge", "level", &level) != OK ||
        choice(args, "polarity", "high", "low", &low) != OK)
        return ERR_INVALID;
    if (gsi >= core.boot->gsi_count)
        return ERR_RANGE;
    while ((other = session_next(KIND_IRQ, other)))
        if (!is_message((struct irq_session *)other) && ((struct irq_session *)other)->gsi == gsi)
            return ERR_BUSY;
    irq->gsi = (uint32_t)gsi;
    irq->flags = (level ? (unsigned)INTERRUPT_LEVEL : 0u) | (low ? (unsigned)INTERRUPT_ACTIVE_LOW : 0u);
    return OK;
}

/* An argument that need not be there. */
static enum status number(const char *args, const char *name, uint64_t *out)
{
    enum status status = session_arg_number(args, name, out);

    if (status == ERR_NOT_FOUND)
        *out = 0;
    return status == ERR_NOT_FOUND ? OK : status;
}

static enum status open_message(struct irq_session *irq, const char *args)
{
    uint64_t device, unit;

    if (number(args, "device", &device) != OK || number(args, "unit", &unit) != OK)
        return ERR_INVALID;
    if (device > UINT16_MAX)
        return ERR_RANGE;
    irq->flags = INTERRUPT_MESSAGE;
    if (unit == 0)
        return OK;
    const struct dma_iommu *iommu = dma_unit_find(unit);

    if (!iommu)
        return ERR_NOT_FOUND;
    irq->device = (uint16_t)device;
    irq->origin = iommu->slot;
    return OK;
}

static enum status irq_open(struct session *session, const char *args)
{
    struct irq_session *irq = (struct irq_session *)session;
    bool message;

    if (choice(args, "type", "line", "msi", &message) != OK)
        return ERR_INVALID;
    irq->origin = ROOT_SLOT_MACHINE;
    return message ? open_message(irq, args) : open_line(irq, args);
}

static void unbind(struct irq_session *irq)
{
    if (irq->interrupt == CAP_NONE)
        return;
    enum status status = kernel_destroy(irq->interrupt);

    ASSERT(status == OK);
    slot_give(&irq->session.account, irq->interrupt);
    irq->interrupt = CAP_NONE;
}

static enum status irq_close(struct session *session)
{
    unbind((struct irq_session *)session);
    return OK;
}

static enum status create_interrupt(struct irq_session *irq, uint32_t slot, uint32_t notification)
{
    if (is_message(irq))
        return kernel_create_message_interrupt(ROOT_SLOT_PD, slot, irq->origin, irq->device, notification,
                                               &irq->message);
    return kernel_create_interrupt(ROOT_SLOT_PD, slot, irq->origin, irq->gsi, irq->flags, notification);
}

static enum status handle_bind(void *session, uint32_t notification, struct irq_line *out,
                               struct message_cap *cap)
{
    struct irq_session *irq = session;
    uint32_t slot;

    unbind(irq);
    enum status status = slot_take(&irq->session.account, &slot);

    if (status != OK)
        return status;
    status = WITH_KMEM(&core.kmem, create_interrupt(irq, slot, notification));
    if (status != OK) {
        slot_give(&irq->session.account, slot);
        return status;
    }
    irq->interrupt = slot;
    *out = (struct irq_line){.gsi = irq->gsi, .level = irq->flags & INTERRUPT_LEVEL ? 1 : 0};
    *cap = (struct message_cap){.slot = slot, .rights = RIGHT_INTERRUPT_ACK};
    return OK;
}

static enum status handle_msi(void *session, struct irq_msi *out)
{
    struct irq_session *irq = session;

    if (!is_message(irq))
        return ERR_UNSUPPORTED;
    if (irq->interrupt == CAP_NONE)
        return ERR_NOT_FOUND;
    *out = (struct irq_msi){.address = irq->message.address, .data = irq->message.data};
    return OK;
}

static const struct irq_handlers handlers = {.bind = handle_bind, .msi = handle_msi};

static enum status irq_session_dispatch(struct session *session, struct dispatch *d)
{
    return irq_dispatch(&handlers, session, d);
}

const struct service irq_service = {
    .name = IRQ_SERVICE,
    .kind = KIND_IRQ,
    .size = sizeof(struct irq_session),
    .open = irq_open,
    .close = irq_close,
    .dispatch = irq_session_dispatch,
};
