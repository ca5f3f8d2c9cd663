/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: the kernel's whole surface.
 *
 * `syscall` with rax = number; arguments in rdi, rsi, rdx, r10, r8, r9 (a0..a5). On return rax = enum status and the
 * results are in rdi, rsi, rdx (r0..r2); where no result is listed these keep their values. rcx and r11 are lost (the
 * instruction uses them), as are r8 and r9 in call and reply_wait; every other register is preserved. On an error nothing has changed, except where a table row
 * says that a batch stops in the middle and r0 counts what was done.
 *
 * Times are absolute values of the time-stamp counter; DEADLINE_NEVER waits for ever. Slots are 32-bit.
 */
#ifndef ABI_HYPERCALL_H
#define ABI_HYPERCALL_H

#include <stdint.h>

enum hypercall {
    /* call(portal, tag) -> r0 = reply tag. Blocks. Needs PORTAL_CALL. */
    HYPERCALL_CALL = 0,
    /* reply_wait(tag, flags, notification, deadline) -> r0 = portal id or badge bits, r1 = tag, r2 = enum wake. */
    HYPERCALL_REPLY_WAIT = 1,
    /* notification_wait(notification, deadline) -> r0 = badge bits. ERR_TIMEOUT at the deadline. */
    HYPERCALL_NOTIFICATION_WAIT = 2,
    /* notification_signal(notification): ORs the capability's badge (1 if it has none) into the word. */
    HYPERCALL_NOTIFICATION_SIGNAL = 3,

    /* create(type, account pd, destination slot, p0, p1, p2): see enum create parameters below. */
    HYPERCALL_CREATE = 4,
    /* destroy(slot): ERR_AGAIN when a bounded part is done. */
    HYPERCALL_DESTROY = 5,
    /* cap_copy(destination space or CAP_NONE for the own one, destination slot, source slot, rights, badge). */
    HYPERCALL_CAP_COPY = 6,
    /* cap_drop(space or CAP_NONE, slot). An empty slot is no error. */
    HYPERCALL_CAP_DROP = 7,
    /* cap_identify(pd, slot) -> r0 = portal id, if the portal was created on the account of pd; else ERR_NOT_FOUND. */
    HYPERCALL_CAP_IDENTIFY = 8,

    /* pd_give_frames(pd, physical address, number of frames, machine): frames become kernel memory of this account. */
    HYPERCALL_PD_GIVE_FRAMES = 9,
    /* pd_take_frames(pd, most) -> r0 = n; their physical addresses are in the message words. Only unused frames. */
    HYPERCALL_PD_TAKE_FRAMES = 10,
    /* pd_info(pd) -> r0 = frames owned, r1 = frames in use, r2 = live objects. */
    HYPERCALL_PD_INFO = 11,

    /* space_update(space, n) -> r0 = entries done; n struct space_entry in the message words. On an error r1 = pages that
       are done of the entry at which it stopped; ERR_AGAIN: a bounded part is done, go on from there. */
    HYPERCALL_SPACE_UPDATE = 12,
    /* port_update(port space, first port, number, allow 0 or 1). */
    HYPERCALL_PORT_UPDATE = 13,
    /* cap_space_grow(cap space, slots): raises the number of slots; never shrinks. */
    HYPERCALL_CAP_SPACE_GROW = 14,

    /* ec_bind(thread or vcpu, event, portal, state groups): enum thread_event or enum vcpu_exit. */
    HYPERCALL_EC_BIND = 15,
    /* ec_control(thread or vcpu, enum ec_operation). */
    HYPERCALL_EC_CONTROL = 16,
    /* state_read(thread or vcpu, groups): state into the message words. ERR_BUSY unless parked or not started. */
    HYPERCALL_STATE_READ = 17,
    /* state_write(thread or vcpu, groups): state from the message words. ERR_BUSY unless parked or not started. */
    HYPERCALL_STATE_WRITE = 18,

    /* interrupt_ack(interrupt): unmasks the line after its handler has quietened the device. Nothing for a message. */
    HYPERCALL_INTERRUPT_ACK = 19,
    /* sc_control(sc, priority, budget in TSC ticks): changes both. */
    HYPERCALL_SC_CONTROL = 20,
    /* machine_control(machine, enum machine_operation, argument). */
    HYPERCALL_MACHINE_CONTROL = 21,

    /* iommu_control(iommu, enum iommu_operation, argument, DMA space). */
    HYPERCALL_IOMMU_CONTROL = 22,

    HYPERCALL_COUNT = 23,
};

#define DEADLINE_NEVER UINT64_MAX

/* Flags of reply_wait. Without REPLY nothing is answered: the thread only begins to accept calls. */
enum reply_flag {
    REPLY_SEND = 1u << 0, /* answer the present caller with `tag` */
    REPLY_PARK =
        1u
        << 1, /* do not answer: the caller stays parked until ec_control(resume); a call returns ERR_ABORTED then */
};

enum wake {
    WAKE_CALL = 0,         /* r0 = portal id, r1 = tag; the present caller waits for the reply */
    WAKE_NOTIFICATION = 1, /* r0 = badge bits, now cleared */
    WAKE_TIMEOUT = 2,
};

/*
 * create: parameters by type
 *   PD            -                                       account pays for the object; the new PD has an empty account
 *   CAP_SPACE     p0 = slots                              pd must have none yet; charged to pd itself
 *   HOST_SPACE    -                                       likewise
 *   PORT_SPACE    -                                       likewise
 *   GUEST_SPACE   -                                       any number a PD
 *   THREAD        p0 = physical address of the message area (a frame that stays mapped for the thread's life),
 *                 p1 = enum thread_flag | cpu << 32, p2 = machine capability (it vouches for p0). The thread belongs to
 *                 pd, not started; it stays on that CPU
 *   VCPU          p0 = guest space, p1 = cpu              parked until ec_control(resume)
 *   SC            p0 = thread or vcpu (EC_BIND), p1 = priority | cpu << 32 (its context's), p2 = budget in TSC ticks.
 *                 Runs at once, if the thread was started
 *   PORTAL        p0 = handler thread (EC_BIND), p1 = id
 *   NOTIFICATION  -
 *   INTERRUPT     p0 = machine, p1 = global system interrupt | enum interrupt_flag << 32, p2 = notification (SIGNAL).
 *                 Masked until the first interrupt_ack. With INTERRUPT_MESSAGE: r0 = address, r1 = data that the device
 *                 must write; never masked; p0 may be the device's IOMMU, p1 its requester id. With INTERRUPT_FAULT:
 *                 p0 = IOMMU, which has recorded a fault
 *   IOMMU         p0 = machine, p1 = physical address of its registers -> r0 = enum iommu_feature. Works at once: no device
 *                 behind it reaches any memory
 *   DMA_SPACE     p0 = IOMMU, whose format it has
 */
enum thread_flag {
    THREAD_FPU = 1u << 0,     /* uses x87/SSE/AVX state; without it such an instruction raises #NM */
    THREAD_FOREIGN = 1u << 1, /* every `syscall` is an event message; the thread cannot make hypercalls */
};

enum interrupt_flag {
    INTERRUPT_LEVEL = 1u << 0,
    INTERRUPT_ACTIVE_LOW = 1u << 1,
    INTERRUPT_MESSAGE = 1u << 2, /* message signalled: the kernel chooses a vector and tells the message */
    INTERRUPT_FAULT = 1u << 3,
};

enum iommu_feature {
    IOMMU_LARGE_PAGES = 1u << 0, /* its spaces take SPACE_LARGE */
    IOMMU_REMAPPING = 1u << 1,   /* of interrupts */
};

enum iommu_operation {
    IOMMU_ATTACH =
        0, /* argument: requester id, bus << 8 | device << 3 | function. It reaches what the DMA space maps */
    IOMMU_DETACH = 1, /* argument: requester id. It reaches nothing */
    IOMMU_FAULT = 2,  /* the oldest recorded fault -> r0 = address, r1 = enum iommu_fault */
    IOMMU_REMAP =
        3, /* from now on only messages that the kernel knows of get through, each from its own device.
                         argument: enum iommu_remap */
};

/* r1 of IOMMU_FAULT: requester id in bits 0-15, reason in 16-23 (VT-d appendix A). */
enum iommu_fault {
    IOMMU_FAULT_WRITE = 1u << 24,
    IOMMU_FAULT_LOST = 1u << 25, /* others were not recorded */
};

/* An I/O APIC behind the unit, whose lines are remapped: its requester id in bits 0-15, its id in 16-23. */
enum iommu_remap {
    IOMMU_REMAP_IOAPIC = 1u << 24, /* there is one */
};

#define SC_PRIORITY_MAX 127u /* 0 is the lowest */

enum ec_operation {
    EC_RECALL = 0, /* deliver the RECALL event as soon as the context would run in user or guest mode */
    EC_RESUME = 1, /* a parked context goes on; a new thread starts */
    EC_ABORT = 2,  /* a blocked call returns ERR_ABORTED; no effect otherwise */
};

enum machine_operation {
    MACHINE_CONSOLE_WRITE = 0, /* argument: one byte for the kernel's debug console */
    MACHINE_RESET = 1,
    MACHINE_EXIT = 2,        /* leave an emulator: argument is its exit code; else power off or halt */
    MACHINE_CONSOLE_OFF = 3, /* the kernel stops using the console; a driver owns the device now */
};

/* One entry of space_update. */
struct space_entry {
    uint64_t virtual;   /* page-aligned; guest-physical address in a guest space, the bus's in a DMA space */
    uint64_t physical;  /* page-aligned; ignored by UNMAP and PROTECT */
    uint32_t pages;     /* number of pages of the entry's size */
    uint16_t operation; /* enum space_operation */
    uint16_t flags;     /* enum space_flag */
};

_Static_assert(sizeof(struct space_entry) == 24, "ABI");

enum space_operation {
    SPACE_MAP = 0,         /* ERR_EXISTS where a page is mapped already */
    SPACE_REPLACE = 1,     /* atomically, mapped or not */
    SPACE_REPLACE_ONE = 2, /* as REPLACE, but every page maps the same frame `physical` (scratch page) */
    SPACE_PROTECT = 3,     /* changes rights of what is mapped; holes are no error */
    SPACE_UNMAP = 4,       /* holes are no error; tables that become empty return to the account */
};

enum space_flag {
    SPACE_WRITE = 1u << 0,
    SPACE_EXECUTE = 1u << 1,
    SPACE_UNCACHED = 1u << 2,
    SPACE_WRITE_COMBINING = 1u << 3,
    SPACE_LARGE =
        1u << 8, /* 2 MiB pages: virtual and physical are 2 MiB-aligned; MAP and REPLACE only, and not
                              where the IOMMU has none */
};

/* User virtual addresses end here (lower canonical half, one guard page below its end). */
#define USER_ADDRESS_END 0x00007ffffffff000ull

#endif
