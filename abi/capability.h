/* SPDX-License-Identifier: MIT */
/*
 * Kernel objects, capability rights and the slots that the kernel fills in before a program runs.
 *
 * A capability is a slot number in the capability space of the calling thread's protection domain. A slot holds the
 * object's identity (place and generation), a set of rights, and a badge. Rights only shrink when a capability is
 * copied or sent; a badge is set once. Destroying an object makes every slot that denotes it stale at once.
 */
#ifndef ABI_CAPABILITY_H
#define ABI_CAPABILITY_H

#include <stdint.h>

enum object_type {
    OBJECT_NONE = 0,
    OBJECT_PD = 1,            /* protection domain: owner of a kernel-memory account and of its spaces */
    OBJECT_CAP_SPACE = 2,     /* capability slots of a PD */
    OBJECT_HOST_SPACE = 3,    /* virtual addresses of a PD's threads */
    OBJECT_GUEST_SPACE = 4,   /* guest-physical addresses of virtual CPUs (nested tables) */
    OBJECT_DMA_SPACE = 5,     /* addresses that devices behind an IOMMU may reach */
    OBJECT_PORT_SPACE = 6,    /* x86 I/O ports that a PD's threads may use */
    OBJECT_THREAD = 7,        /* host execution context */
    OBJECT_VCPU = 8,          /* guest execution context */
    OBJECT_SC = 9,            /* scheduling context: priority and budget on one CPU */
    OBJECT_PORTAL = 10,       /* entry into a handler thread */
    OBJECT_NOTIFICATION = 11, /* word of badge bits */
    OBJECT_INTERRUPT = 12,    /* one interrupt line or message, signals a notification */
    OBJECT_MACHINE = 13,      /* raw resources; only the root task holds it */
    OBJECT_IOMMU = 14,        /* a unit that confines devices to DMA spaces */
    OBJECT_TYPE_COUNT = 15,
};

/* Rights. Bits 0-3 mean the same for every type; bits 4 and up are per type. */
enum right {
    RIGHT_DESTROY = 1u << 0,

    RIGHT_PORTAL_CALL = 1u << 4,

    RIGHT_NOTIFICATION_SIGNAL = 1u << 4,
    RIGHT_NOTIFICATION_WAIT = 1u << 5,
    RIGHT_NOTIFICATION_BADGE = 1u << 6, /* cap_copy may set a badge, if the source has none */

    RIGHT_EC_CONTROL = 1u << 4, /* thread, vCPU: recall, resume, abort, read and write state */
    RIGHT_EC_BIND = 1u << 5,    /* thread, vCPU: bind event portals, portals, a scheduling context */

    RIGHT_PD_CREATE_IPC = 1u << 4, /* create portals and notifications on this account */
    RIGHT_PD_CREATE_ANY = 1u << 5, /* create any object on this account */
    RIGHT_PD_ACCOUNT = 1u << 6,    /* give and take frames, read the account */
    RIGHT_PD_IDENTIFY = 1u << 7,   /* cap_identify for portals of this PD */

    RIGHT_SPACE_UPDATE = 1u << 4, /* map, unmap, protect; capability spaces: install, drop, grow */

    RIGHT_INTERRUPT_ACK = 1u << 4,

    RIGHT_IOMMU_CONTROL = 1u << 4, /* iommu_control; creating spaces and interrupts behind it */

    RIGHT_ALL = 0xffffu,
};

/* Slot 0 is never valid and means "no capability". */
#define CAP_NONE 0u

/* Slots of the root task, filled in by the kernel. Every other component's slots are chosen by core (lib/base/env.h). */
enum root_slot {
    ROOT_SLOT_PD = 1,
    ROOT_SLOT_CAP_SPACE = 2,
    ROOT_SLOT_HOST_SPACE = 3,
    ROOT_SLOT_THREAD = 5,
    ROOT_SLOT_SC = 6,
    ROOT_SLOT_MACHINE = 7,
    ROOT_SLOT_FREE = 16, /* first slot that the root task may use as it likes */
};

/* A capability space grows by whole frames; one slot takes 32 bytes of its account. */
#define CAP_SLOT_SIZE       32u
#define CAP_SLOTS_PER_FRAME (4096u / CAP_SLOT_SIZE)
#define CAP_SPACE_SLOTS_MAX 65536u

#endif
