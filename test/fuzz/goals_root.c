/* SPDX-License-Identifier: MIT */
/*
 * The rest of the results, for who holds the machine: accounts, spaces, threads, scheduling contexts, interrupts.
 */
#include "test/fuzz/fuzz.h"

#define T(n)         slot(stage, SLOT_TEMP + (n))
#define OF(type)     slot(stage, SLOT_OBJECT + OBJECT_##type)
#define MACHINE      OF(MACHINE)
#define BUDGET       1000000ull
#define FRAME        4096ull
#define FREE_VIRTUAL 0x40000000ull

static void entry(struct stage *stage, unsigned index, struct space_entry entry)
{
    ((struct space_entry *)stage->driver.area->words)[index] = entry;
}

static void spaces(struct stage *stage)
{
    uint64_t map = stage->frames.map;

    entry(stage, 0, (struct space_entry){FREE_VIRTUAL, map, 2, SPACE_MAP, SPACE_WRITE});
    MEET(stage, OK, SPACE_UPDATE, OF(HOST_SPACE), 1);
    MEET(stage, ERR_EXISTS, SPACE_UPDATE, OF(HOST_SPACE), 1);
    MEET(stage, ERR_INVALID, SPACE_UPDATE, OF(HOST_SPACE), 134);
    entry(stage, 0, (struct space_entry){FREE_VIRTUAL, 0, 2, 9, 0});
    MEET(stage, ERR_INVALID, SPACE_UPDATE, OF(HOST_SPACE), 1);
    entry(stage, 0, (struct space_entry){USER_ADDRESS_END, 0, 1, SPACE_UNMAP, 0});
    MEET(stage, ERR_RANGE, SPACE_UPDATE, OF(HOST_SPACE), 1);
    entry(stage, 0, (struct space_entry){FREE_VIRTUAL, 0, 1, SPACE_MAP, 0}); /* frame 0 is the kernel's */
    entry(stage, 0, (struct space_entry){FREE_VIRTUAL + (1 << 20), 0, 1, SPACE_MAP, 0});
    MEET(stage, ERR_DENIED, SPACE_UPDATE, OF(HOST_SPACE), 1);
    entry(stage, 0, (struct space_entry){FREE_VIRTUAL, map, 1100, SPACE_REPLACE_ONE, 0});
    MEET(stage, ERR_AGAIN, SPACE_UPDATE, OF(HOST_SPACE), 1);
    MUST(stage, stage->driver.result[0] == 0 && stage->driver.result[1] > 0);
    entry(stage, 0, (struct space_entry){FREE_VIRTUAL, 0, 1100, SPACE_UNMAP, 0});
    if (act(&stage->driver, HYPERCALL_SPACE_UPDATE, OF(HOST_SPACE), 1, 0, 0, 0, 0) == ERR_AGAIN) {
        entry(stage, 0, (struct space_entry){FREE_VIRTUAL + 1024 * FRAME, 0, 76, SPACE_UNMAP, 0});
        MEET(stage, OK, SPACE_UPDATE, OF(HOST_SPACE), 1);
    }
}

/* A PD with one frame has no room for tables; one without has room for nothing. */
static void poor(struct stage *stage)
{
    MEET(stage, OK, CREATE, OBJECT_PD, stage->pd, T(0), 0, 0, 0);
    MEET(stage, ERR_NO_KMEM, CREATE, OBJECT_NOTIFICATION, T(0), T(1), 0, 0, 0);
    MEET(stage, OK, PD_GIVE_FRAMES, T(0), stage->frames.give, 4, MACHINE);
    MEET(stage, ERR_RANGE, PD_GIVE_FRAMES, T(0), stage->frames.give, 1, MACHINE);
    MEET(stage, ERR_RANGE, PD_GIVE_FRAMES, T(0), 1ull << 50, 1, MACHINE);
    MEET(stage, ERR_INVALID, PD_GIVE_FRAMES, T(0), stage->frames.give + 1, 1, MACHINE);
    MEET(stage, ERR_INVALID, PD_GIVE_FRAMES, T(0), stage->frames.give, 401, MACHINE);
    MEET(stage, OK, CREATE, OBJECT_HOST_SPACE, T(0), T(1), 0, 0, 0);
    MEET(stage, ERR_EXISTS, CREATE, OBJECT_HOST_SPACE, T(0), T(2), 0, 0, 0);
    MEET(stage, ERR_NO_KMEM, CREATE, OBJECT_CAP_SPACE, T(0), T(2), 4096, 0, 0);
    entry(stage, 0, (struct space_entry){FREE_VIRTUAL, stage->frames.map, 1, SPACE_MAP, 0});
    MEET(stage, ERR_NO_KMEM, SPACE_UPDATE, T(1), 1);
    MEET(stage, ERR_RANGE, CREATE, OBJECT_CAP_SPACE, T(0), T(2), CAP_SPACE_SLOTS_MAX + 1, 0, 0);
    MEET(stage, ERR_BUSY, DESTROY, T(0)); /* frames are still there: the host space went first */
    MEET(stage, ERR_INVALID, PD_TAKE_FRAMES, T(0), 401);
    MEET(stage, OK, PD_TAKE_FRAMES, T(0), 400);
    MUST(stage, stage->driver.result[0] == 4);
    MEET(stage, OK, DESTROY, T(0));
    for (unsigned i = 0; i < 2; i++)
        MEET(stage, OK, CAP_DROP, CAP_NONE, T(i));
}

static void crowded(struct stage *stage)
{
    MEET(stage, OK, CREATE, OBJECT_PD, stage->pd, T(0), 0, 0, 0);
    MEET(stage, OK, PD_GIVE_FRAMES, T(0), stage->frames.give, 4, MACHINE);
    MEET(stage, OK, CREATE, OBJECT_CAP_SPACE, T(0), T(1), 100, 0, 0);
    MEET(stage, ERR_NO_KMEM, CAP_SPACE_GROW, T(1), 60000);
    MEET(stage, ERR_RANGE, CAP_SPACE_GROW, T(1), CAP_SPACE_SLOTS_MAX + 1);
    MEET(stage, OK, CAP_SPACE_GROW, T(1), 128);
    MEET(stage, OK, CAP_COPY, T(1), 5, slot(stage, SLOT_NOTE), RIGHT_ALL, 0);
    MEET(stage, ERR_EXISTS, CAP_COPY, T(1), 5, slot(stage, SLOT_NOTE), RIGHT_ALL, 0);
    MEET(stage, ERR_RANGE, CAP_DROP, T(1), 128);
    MEET(stage, OK, CAP_DROP, T(1), 5);
    for (unsigned i = 0; i < 20; i++) {
        MEET(stage, OK, CREATE, OBJECT_NOTIFICATION, T(0), T(2), 0, 0, 0);
        MEET(stage, OK, CAP_DROP, CAP_NONE, T(2));
    }
    MEET(stage, ERR_AGAIN, DESTROY, T(0)); /* 21 objects */
    MEET(stage, ERR_BUSY, DESTROY, T(0));
    MEET(stage, OK, PD_TAKE_FRAMES, T(0), 400);
    MUST(stage, stage->driver.result[0] == 4);
    MEET(stage, OK, DESTROY, T(0));
    MEET(stage, ERR_UNSUPPORTED, DESTROY, MACHINE);
    for (unsigned i = 0; i < 2; i++)
        MEET(stage, OK, CAP_DROP, CAP_NONE, T(i));
}

static void threads(struct stage *stage)
{
    uint32_t pd = OF(PD);
    uint64_t area = stage->frames.area, cpu = (uint64_t)stage->cpu << 32;

    MEET(stage, ERR_INVALID, CREATE, OBJECT_THREAD, pd, T(0), area + 8, cpu, MACHINE);
    MEET(stage, ERR_INVALID, CREATE, OBJECT_THREAD, pd, T(0), area, cpu | 0x80, MACHINE);
    MEET(stage, ERR_RANGE, CREATE, OBJECT_THREAD, pd, T(0), 1ull << 50, cpu, MACHINE);
    MEET(stage, OK, CREATE, OBJECT_THREAD, pd, T(0), area, cpu, MACHINE);
    MEET(stage, OK, CREATE, OBJECT_PORTAL, pd, T(1), T(0), 1, 0);
    PUPPET(stage, 0, CALL, T(1), 0); /* the handler never ran: it is not ready, and dies */
    MEET(stage, ERR_BUSY, DESTROY, OF(CAP_SPACE));
    MEET(stage, ERR_BUSY, DESTROY, OF(HOST_SPACE));
    MEET(stage, OK, DESTROY, T(0));
    PUPPET_END(stage, 0, ERR_PEER_GONE);
    MEET(stage, ERR_PEER_GONE, CALL, T(1), 0);
    MEET(stage, OK, DESTROY, T(1));
    for (unsigned i = 0; i < 2; i++)
        MEET(stage, OK, CAP_DROP, CAP_NONE, T(i));
}

/* A handler on another CPU needs a scheduling context of its own. */
static void passive_across(struct stage *stage)
{
    if (stage->peer_echo == CAP_NONE)
        return;
    MEET(stage, OK, CREATE, OBJECT_THREAD, OF(PD), T(0), stage->frames.area, (uint64_t)stage->peer_cpu << 32,
         MACHINE);
    MEET(stage, OK, CREATE, OBJECT_PORTAL, OF(PD), T(1), T(0), 1, 0);
    MEET(stage, ERR_UNSUPPORTED, CALL, T(1), 0);
    for (unsigned i = 2; i-- > 0;) {
        MEET(stage, OK, DESTROY, T(i));
        MEET(stage, OK, CAP_DROP, CAP_NONE, T(i));
    }
}

static void scheduling(struct stage *stage)
{
    uint32_t still = slot(stage, SLOT_STILL);
    uint64_t cpu = (uint64_t)stage->cpu << 32;

    MEET(stage, ERR_RANGE, CREATE, OBJECT_SC, OF(PD), T(0), still, cpu | 128, BUDGET);
    MEET(stage, ERR_RANGE, CREATE, OBJECT_SC, OF(PD), T(0), still, cpu | 1, 1);
    MEET(stage, ERR_UNSUPPORTED, CREATE, OBJECT_SC, OF(PD), T(0), still, 1 | 77ull << 32, BUDGET);
    MEET(stage, ERR_EXISTS, CREATE, OBJECT_SC, OF(PD), T(0), still, cpu | 1, BUDGET);
    MEET(stage, OK, SC_CONTROL, OF(SC), 2, BUDGET);
    MEET(stage, ERR_RANGE, SC_CONTROL, OF(SC), 128, BUDGET);
    MEET(stage, ERR_RANGE, SC_CONTROL, OF(SC), 2, 1ull << 49);
}

static void devices(struct stage *stage)
{
    uint32_t note = slot(stage, SLOT_NOTE);

    MEET(stage, OK, PORT_UPDATE, OF(PORT_SPACE), 0x80, 1, 1);
    MEET(stage, OK, PORT_UPDATE, OF(PORT_SPACE), 0x80, 1, 0);
    MEET(stage, ERR_RANGE, PORT_UPDATE, OF(PORT_SPACE), 65535, 2, 1);
    MEET(stage, ERR_RANGE, PORT_UPDATE, OF(PORT_SPACE), UINT64_MAX, 2, 1);
    MEET(stage, ERR_INVALID, PORT_UPDATE, OF(PORT_SPACE), 0x80, 1, 2);
    MEET(stage, ERR_RANGE, CREATE, OBJECT_INTERRUPT, OF(PD), T(0), MACHINE, 999, note);
    MEET(stage, ERR_INVALID, CREATE, OBJECT_INTERRUPT, OF(PD), T(0), MACHINE, 9 | 16ull << 32, note);
    MEET(stage, ERR_INVALID, CREATE, OBJECT_INTERRUPT, OF(PD), T(0), MACHINE,
         9 | (uint64_t)(INTERRUPT_MESSAGE | INTERRUPT_LEVEL) << 32, note);
    MEET(stage, ERR_EXISTS, CREATE, OBJECT_INTERRUPT, OF(PD), T(0), MACHINE, 10 + stage->cpu, note);
    MEET(stage, OK, INTERRUPT_ACK, OF(INTERRUPT));
    MEET(stage, ERR_INVALID, MACHINE_CONTROL, MACHINE, 99, 0);
    MEET(stage, OK, MACHINE_CONTROL, MACHINE, MACHINE_CONSOLE_WRITE, '\r');
    MEET(stage, OK, PD_INFO, OF(PD));
}

static void messages(struct stage *stage)
{
    uint32_t note = slot(stage, SLOT_NOTE);
    uint64_t message = (uint64_t)INTERRUPT_MESSAGE << 32;

    MEET(stage, OK, CREATE, OBJECT_INTERRUPT, OF(PD), T(0), MACHINE, message, note);
    MUST(stage, stage->driver.result[0] >> 20 == 0xfee && stage->driver.result[1] != 0);
    MEET(stage, OK, INTERRUPT_ACK, T(0));
    MEET(stage, OK, DESTROY, T(0));
    MEET(stage, OK, CAP_DROP, CAP_NONE, T(0));
    MEET(stage, ERR_RANGE, CREATE, OBJECT_INTERRUPT, OF(PD), T(0), MACHINE, message | 1u << 16, note);
    MEET(stage, OK, CREATE, OBJECT_INTERRUPT, OF(PD), T(0), OF(IOMMU), message | 0xe0, note);
    MEET(stage, OK, DESTROY, T(0));
    MEET(stage, OK, CAP_DROP, CAP_NONE, T(0));
}

/* Its account has a table for bus 0 and nothing else. Random calls leave devices from 0xe0 on alone. */
static void iommu(struct stage *stage)
{
    uint32_t unit = OF(IOMMU), space = T(0);
    uint64_t device = 0xe0 + stage->cpu;

    MEET(stage, OK, CREATE, OBJECT_DMA_SPACE, OF(PD), space, unit, 0, 0);
    entry(stage, 0, (struct space_entry){0x1000, stage->frames.map, 3, SPACE_MAP, SPACE_WRITE});
    MEET(stage, OK, SPACE_UPDATE, space, 1);
    MEET(stage, OK, IOMMU_CONTROL, unit, IOMMU_ATTACH, device, space);
    MEET(stage, ERR_BUSY, IOMMU_CONTROL, unit, IOMMU_ATTACH, device, OF(DMA_SPACE));
    MEET(stage, ERR_NO_KMEM, IOMMU_CONTROL, unit, IOMMU_ATTACH, 0x7700 + device, space);
    MEET(stage, ERR_RANGE, IOMMU_CONTROL, unit, IOMMU_ATTACH, 0x10000, space);
    MEET(stage, ERR_RANGE, IOMMU_CONTROL, unit, IOMMU_DETACH, UINT64_MAX);
    MEET(stage, ERR_INVALID, IOMMU_CONTROL, unit, 9, 0);
    MEET(stage, ERR_NOT_FOUND, IOMMU_CONTROL, unit, IOMMU_FAULT, 0);
    MEET(stage, ERR_UNSUPPORTED, IOMMU_CONTROL, unit, IOMMU_REMAP, 0); /* the emulator is told so */
    MEET(stage, OK, IOMMU_CONTROL, unit, IOMMU_DETACH, device);
    MEET(stage, OK, IOMMU_CONTROL, unit, IOMMU_ATTACH, device, OF(DMA_SPACE));
    MEET(stage, OK, IOMMU_CONTROL, unit, IOMMU_DETACH, device);
    MEET(stage, OK, IOMMU_CONTROL, unit, IOMMU_ATTACH, device, space);
    MEET(stage, OK, DESTROY, space);
    MEET(stage, OK, IOMMU_CONTROL, unit, IOMMU_ATTACH, device, OF(DMA_SPACE)); /* it was detached */
    MEET(stage, OK, IOMMU_CONTROL, unit, IOMMU_DETACH, device);
    MEET(stage, OK, CAP_DROP, CAP_NONE, space);
    MEET(stage, ERR_INVALID, CREATE, OBJECT_IOMMU, OF(PD), T(0), MACHINE, FUZZ_UNIT + 8, 0);
    MEET(stage, ERR_EXISTS, CREATE, OBJECT_IOMMU, OF(PD), T(0), MACHINE, FUZZ_UNIT, 0);
    MEET(stage, ERR_RANGE, CREATE, OBJECT_IOMMU, OF(PD), T(0), MACHINE, stage->frames.map, 0);
}

/* A guest space with enough tables that its end takes more than one call. */
static void guests(struct stage *stage)
{
    uint32_t space = T(0);

    if (!stage->virtualization)
        return;
    MEET(stage, OK, CREATE, OBJECT_GUEST_SPACE, OF(PD), space, 0, 0, 0);
    entry(stage, 0, (struct space_entry){0x1000, stage->frames.map, 3, SPACE_MAP, SPACE_WRITE});
    entry(stage, 1, (struct space_entry){1ull << 60, stage->frames.map, 3, SPACE_MAP, SPACE_WRITE});
    MEET(stage, ERR_RANGE, SPACE_UPDATE, space, 2);
    MUST(stage, stage->driver.result[0] == 1 && stage->driver.result[1] == 0);
    while (act(&stage->driver, HYPERCALL_DESTROY, space, 0, 0, 0, 0, 0) == ERR_AGAIN)
        ;
    MEET(stage, ERR_CAP, SPACE_UPDATE, space, 1);
    MEET(stage, OK, CAP_DROP, CAP_NONE, space);
}

void goals_root_meet(struct stage *stage)
{
    spaces(stage);
    poor(stage);
    crowded(stage);
    threads(stage);
    passive_across(stage);
    scheduling(stage);
    devices(stage);
    messages(stage);
    iommu(stage);
    guests(stage);
}
