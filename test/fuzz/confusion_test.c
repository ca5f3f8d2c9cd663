/* SPDX-License-Identifier: MIT */
/*
 * confusion.c on the kernel built for the host: one object of every type, and a stale slot of every type that can be made
 * and destroyed.
 */
#include "test/fuzz/confusion.h"

#include <string.h>

#include "kernel/object/space.h"
#include "kernel/test/machine.h"
#include "kernel/test/vtd_device.h"
#include "test/check.h"

#define FIRST_OBJECT 20u
#define FIRST_STALE  40u
#define SCRATCH      60u
#define SLOTS        128u
#define NOTE_LINE    5u

static struct ec *driver, *echo;
static unsigned wrongs;

/* Somebody who takes calls answers at once, so that the driver is what runs again. */
static enum status invoke(void *context, uint64_t number, const uint64_t a[6])
{
    (void)context;
    struct ec *entered =
        number == HYPERCALL_REPLY_WAIT
            ? run_hypercall(driver, number, a[0], a[1], a[2], 0, 0, 0)
            : run_hypercall(driver, number, a[0], number == HYPERCALL_NOTIFICATION_WAIT ? 0 : a[1], a[2],
                            a[3], a[4], a[5]);

    if (entered == echo)
        entered = REPLY_WAIT(echo, 0, REPLY_SEND, CAP_NONE, DEADLINE_NEVER);
    if (entered != driver) {
        printf("the driver does not run any more\n");
        exit(1);
    }
    return (enum status)driver->regs.rax;
}

static void wrong(void *context, const char *row, unsigned type, uint32_t rights, enum status got,
                  const char *expected)
{
    (void)context;
    wrongs++;
    printf("%s, capability of type %u with rights 0x%x: status %u, expected %s\n", row, type, rights,
           (unsigned)got, expected);
}

static void create(unsigned type, uint32_t slot, uint64_t p0, uint64_t p1, uint64_t p2)
{
    enum status status =
        invoke(0, HYPERCALL_CREATE, (const uint64_t[6]){type, ROOT_SLOT_PD, slot, p0, p1, p2});

    if (status != OK) {
        printf("create type %u: status %u\n", type, (unsigned)status);
        exit(1);
    }
}

static uint32_t object(unsigned type)
{
    return FIRST_OBJECT + type;
}

/* Parameters that make one more object of a type beside those there are; false if there can be no second one. */
static bool make(unsigned type, uint32_t slot, uint64_t area)
{
    switch (type) {
    case OBJECT_PD:
    case OBJECT_GUEST_SPACE:
    case OBJECT_NOTIFICATION: create(type, slot, 0, 0, 0); return true;
    case OBJECT_THREAD: create(type, slot, area, 0, object(OBJECT_MACHINE)); return true;
    case OBJECT_VCPU: create(type, slot, object(OBJECT_GUEST_SPACE), 0, 0); return true;
    case OBJECT_PORTAL: create(type, slot, ROOT_SLOT_THREAD, 7, 0); return true;
    case OBJECT_INTERRUPT:
        create(type, slot, object(OBJECT_MACHINE), slot < FIRST_STALE ? NOTE_LINE : NOTE_LINE + 1,
               object(OBJECT_NOTIFICATION));
        return true;
    case OBJECT_IOMMU:
        create(type, slot, object(OBJECT_MACHINE), HOST_UNIT(slot < FIRST_STALE ? 0 : 1), 0);
        return true;
    case OBJECT_DMA_SPACE: create(type, slot, object(OBJECT_IOMMU), 0, 0); return true;
    default: return false;
    }
}

/* Area 3900: far behind what the machine has given away. */
static void prepare(struct confusion *c)
{
    struct pd *pd;

    machine_start();
    pd = machine_pd(64);
    driver = machine_thread(pd, 20);
    echo = machine_thread(pd, -1);
    (void)run_dispatch();
    machine_cap(pd, ROOT_SLOT_PD, pd);
    machine_cap(pd, ROOT_SLOT_THREAD, echo);
    machine_cap(pd, object(OBJECT_CAP_SPACE), pd->cap_space);
    machine_cap(pd, object(OBJECT_HOST_SPACE), pd->host_space);
    machine_cap(pd, object(OBJECT_PD), pd);
    machine_cap(pd, object(OBJECT_MACHINE), account_object_alloc(pd, OBJECT_MACHINE, sizeof(struct machine)));
    create(OBJECT_PORT_SPACE, object(OBJECT_PORT_SPACE), 0, 0, 0);
    create(OBJECT_NOTIFICATION, object(OBJECT_NOTIFICATION), 0, 0, 0);
    create(OBJECT_GUEST_SPACE, object(OBJECT_GUEST_SPACE), 0, 0, 0);
    static const uint8_t rest[] = {OBJECT_THREAD,    OBJECT_VCPU,  OBJECT_PORTAL,
                                   OBJECT_INTERRUPT, OBJECT_IOMMU, OBJECT_DMA_SPACE};

    for (unsigned i = 0; i < sizeof(rest); i++)
        (void)make(rest[i], object(rest[i]), 3900 * FRAME_SIZE);
    create(OBJECT_SC, object(OBJECT_SC), object(OBJECT_VCPU), 1, 100000);
    for (unsigned type = 1; type < OBJECT_TYPE_COUNT; type++) {
        c->object[type] = object(type);
        if (!make(type, FIRST_STALE + type, 3901 * FRAME_SIZE))
            continue;
        c->stale[type] = FIRST_STALE + type;
        (void)invoke(0, HYPERCALL_DESTROY, (const uint64_t[6]){FIRST_STALE + type});
    }
}

int main(void)
{
    struct confusion c = {.scratch = SCRATCH,
                          .free = SCRATCH + 1,
                          .empty = SCRATCH + 2,
                          .slots = SLOTS,
                          .invoke = invoke,
                          .wrong = wrong};

    CASE("every operation refuses stale, empty, foreign and weakened capabilities as its page says");
    prepare(&c);
    confusion_run(&c);
    CHECK_EQ(wrongs, 0);
    CHECK(c.tried > 5000);
    printf("%lu calls\n", (unsigned long)c.tried);
    return check_finish();
}
