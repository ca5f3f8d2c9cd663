/* SPDX-License-Identifier: MIT */
/*
 * confusion.c on a stage: its objects, and stale slots made by objects that are destroyed at once.
 */
#include "test/fuzz/confusion.h"
#include "test/fuzz/fuzz.h"

static enum status invoke(void *context, uint64_t number, const uint64_t a[6])
{
    struct stage *stage = context;

    if (number == HYPERCALL_NOTIFICATION_WAIT || number == HYPERCALL_REPLY_WAIT)
        return act(&stage->driver, number, a[0], number == HYPERCALL_REPLY_WAIT ? a[1] : 0, a[2], 0, 0, 0);
    return act(&stage->driver, number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void wrong(void *context, const char *row, unsigned type, uint32_t rights, enum status got,
                  const char *expected)
{
    struct stage *stage = context;

    if (stage->failures++ < 10)
        fuzz_print("FAIL %s, capability of type %u with rights 0x%x: status %u, expected %s", row, type,
                   rights, (unsigned)got, expected);
}

/* Types that can be made out of nothing; the others' stale slots come from the program that has them. */
static void make_stale(struct stage *stage, unsigned type, uint64_t p0)
{
    uint32_t to = slot(stage, SLOT_STALE + type);
    uint32_t pd = stage->root ? slot(stage, SLOT_OBJECT + OBJECT_PD) : stage->pd;

    MEET(stage, OK, CREATE, type, pd, to, p0, 0, 0);
    MEET(stage, OK, DESTROY, to);
}

void confusion_try(struct stage *stage)
{
    struct confusion c = {.scratch = slot(stage, SLOT_TEMP),
                          .free = slot(stage, SLOT_TEMP + 1),
                          .empty = slot(stage, SLOT_TEMP + 2),
                          .slots = stage->slots,
                          .invoke = invoke,
                          .wrong = wrong,
                          .context = stage};

    make_stale(stage, OBJECT_NOTIFICATION, 0);
    make_stale(stage, OBJECT_PORTAL, slot(stage, SLOT_ECHO));
    if (stage->root) {
        make_stale(stage, OBJECT_PD, 0);
        make_stale(stage, OBJECT_DMA_SPACE, slot(stage, SLOT_OBJECT + OBJECT_IOMMU));
    }
    if (stage->root && stage->virtualization) {
        make_stale(stage, OBJECT_GUEST_SPACE, 0);
        make_stale(stage, OBJECT_VCPU, slot(stage, SLOT_OBJECT + OBJECT_GUEST_SPACE));
    }
    for (unsigned type = 1; type < OBJECT_TYPE_COUNT; type++) {
        struct kernel_registers r = {CAP_NONE, c.scratch, slot(stage, SLOT_OBJECT + type), 0, 0, 0};
        bool there = kernel_enter(HYPERCALL_CAP_COPY, &r) == OK;

        (void)!kernel_cap_drop(CAP_NONE, c.scratch);
        c.object[type] = there ? slot(stage, SLOT_OBJECT + type) : CAP_NONE;
        c.rights[type] = stage->rights[type];
        c.stale[type] = slot(stage, SLOT_STALE + type);
        if (type != OBJECT_NOTIFICATION && type != OBJECT_PORTAL &&
            !(stage->root && (type == OBJECT_PD || type == OBJECT_DMA_SPACE)) &&
            !(stage->root && stage->virtualization && (type == OBJECT_GUEST_SPACE || type == OBJECT_VCPU)))
            c.stale[type] = CAP_NONE;
    }
    confusion_run(&c);
}
