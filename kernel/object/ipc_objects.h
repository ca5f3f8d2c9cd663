/* SPDX-License-Identifier: MIT */
/* The small objects of communication and time: portal, notification, interrupt, scheduling context. */
#ifndef KERNEL_OBJECT_IPC_OBJECTS_H
#define KERNEL_OBJECT_IPC_OBJECTS_H

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

/* Takes the line, with INTERRUPT_MESSAGE any free one; ERR_EXISTS if another interrupt object has it, or there is none. */
[[nodiscard]] enum status interrupt_create(struct pd *account, uint64_t line, uint64_t flags,
                                           struct notification *notification, uint64_t badge,
                                           struct interrupt **out);
void interrupt_destroy(struct interrupt *interrupt);
/* Unmasks the line, if it is one that can be masked. */
void interrupt_ack(struct interrupt *interrupt);

#endif
