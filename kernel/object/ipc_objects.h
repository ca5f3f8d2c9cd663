/* SPDX-License-Identifier: MIT */
/* The small objects of communication and time: portal, notification, interrupt, scheduling context. */
#ifndef KERNEL_OBJECT_IPC_OBJECTS_H
#define KERNEL_OBJECT_IPC_OBJECTS_H

#include "kernel/arch/arch.h"
#include "kernel/object/object.h"

struct ec;

struct portal {
    struct object object;
    struct reference handler; /* thread */
    uint64_t id;              /* the server's own name for it */
};

#define PORTAL_KIND FRAME_SLAB_MIN
_Static_assert(sizeof(struct portal) <= 1u << PORTAL_KIND, "portals are of the smallest kind");

struct notification {
    struct object object;
    uint64_t pending; /* bits are added and taken atomically */
    struct ec *
        waiter; /* last who waited here, waits still if its state is WAIT; waiter->waits_for == this. Changed with
                          the kernel lock, and if its CPU is another one, with that stopped */
    struct notification *inbox_next; /* in an inbox of a CPU */
    uint32_t posted;                 /* is in one */
};

#define NOTIFICATION_KIND FRAME_SLAB_MIN
_Static_assert(sizeof(struct notification) <= 1u << NOTIFICATION_KIND,
               "notifications are of the smallest kind");

struct interrupt {
    struct object object;
    struct reference notification;
    uint64_t badge;
    uint32_t line;
    bool line_of_fault;
    struct reference iommu; /* that its message goes through, or whose faults it tells */
};

struct sc {
    struct object object;
    struct ec *ec;   /* NULL after its context died */
    uint64_t budget; /* TSC ticks of one turn */
    uint64_t remaining;
    uint32_t priority;
    uint32_t cpu;
    bool queued;
    struct ec *blocked_at; /* context whose `blocked` list holds this */
    struct sc *next, *previous;
};

struct machine {
    struct object object;
};

void notification_destroy(struct notification *notification);
/* ORs bits in and wakes the waiter, on whatever CPU. */
void notification_signal(struct notification *notification, uint64_t badge);

/* Bits were added: wakes the waiter, or tells its CPU to. */
void notification_arrived(struct notification *notification);

/* Hands pending bits to the waiter, which belongs to this CPU or to a stopped one. */
void notification_deliver(struct notification *notification);

/* Where interrupts come from. */
struct interrupt_source {
    uint32_t number; /* global system interrupt, or the requester id of who sends a message */
    uint32_t flags;  /* enum interrupt_flag */
    struct iommu *iommu_opt;
};

/* Takes the line, for messages any free one. ERR_EXISTS: another interrupt object has it, or there is none; ERR_INVALID,
   ERR_RANGE, ERR_NO_KMEM. */
[[nodiscard]] enum status interrupt_create(struct pd *account, const struct interrupt_source *source,
                                           struct notification *notification, uint64_t badge,
                                           struct interrupt **out);
/* What the device must write. */
struct message interrupt_message(const struct interrupt *interrupt);
void interrupt_destroy(struct interrupt *interrupt);
/* Unmasks the line, if it is one that can be masked. */
void interrupt_ack(struct interrupt *interrupt);

#endif
