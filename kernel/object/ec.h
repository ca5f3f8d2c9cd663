/* SPDX-License-Identifier: MIT */
/*
 * Execution contexts: host threads and virtual CPUs.
 *
 * States and who may be where:
 *   PARKED   neither runs nor waits for a reply: new, parked by its handler, or faulted with no handler. resume -> READY
 *   READY    runs whenever a scheduling context reaches it
 *   WAIT     in reply_wait (accepts calls if `accepts`) or notification_wait
 *   CALLING  its message is with `callee`, whose `caller` is this context
 *   RETRY    wants to send to `callee`, which is busy; helps it meanwhile and tries again when it is free
 *   REMOTE   is in the hands of another CPU: in an inbox, in `remote` of its callee, or served by that (callee->caller)
 *
 * Invariants:
 *   E1  CALLING or RETRY => callee != NULL; RETRY <=> linked in callee->senders; callee != NULL => CALLING, RETRY or REMOTE
 *   E2  a->caller == c  =>  c->callee == a, and c is CALLING, or REMOTE; CALLING => callee->caller is this context
 *   E3  the graph of callee edges inside one CPU has no cycle (checked when an edge is added)
 *   E4  every scheduling context blocked at the end of a chain is in that context's `blocked` list and is released
 *       whenever the context or a chain edge that leads to it changes
 *   E5  a context that accepts has nobody in `remote` whenever the dispatcher runs
 */
#ifndef KERNEL_OBJECT_EC_H
#define KERNEL_OBJECT_EC_H

#include "abi/message.h"
#include "abi/thread_state.h"
#include "abi/vcpu.h"
#include "kernel/arch/arch.h"
#include "kernel/cpu.h"
#include "kernel/object/object.h"

struct notification;
struct sc;
struct vcpu_arch;

enum ec_state {
    EC_PARKED = 0,
    EC_READY = 1,
    EC_WAIT = 2,
    EC_CALLING = 3,
    EC_RETRY = 4,
    EC_REMOTE = 5,
};

/* What a CALLING or RETRY context sends. */
enum ec_send {
    EC_SEND_CALL = 0,  /* portal call; the hypercall's arguments are still in its registers */
    EC_SEND_EVENT = 1, /* event `event` */
};

/* Portal and state groups for one event. */
struct event_binding {
    struct reference portal;
    uint64_t groups;
};

/* FPU state of a context, a slab object of its own without identity. */
struct fpu_area {
    struct object object;
    uint8_t padding[64 - sizeof(struct object)];
    uint8_t state[960]; /* XSAVE area, 64-byte aligned */
};

struct event_table {
    struct object object; /* without identity, for virtual CPUs only */
    struct event_binding binding[VCPU_EXIT_COUNT];
};

struct ec {
    struct object object;
    struct registers regs;
    uint64_t fs_base;
    uint64_t gs_base;

    struct pd *pd;               /* threads: spaces they run in; virtual CPUs: their account */
    struct cap_space *cap_space; /* threads: those of the PD, which live as long as its threads */
    uint64_t page_table;
    struct message_area *area;   /* threads */
    struct fpu_area *fpu;        /* NULL: no FPU use declared */
    struct vcpu_arch *vcpu_arch; /* virtual CPUs */
    struct guest_space *guest_space;
    struct reference guest_space_ref;

    /* These four are looked at as one 32-bit word by calls: see ec_accepts_here(). */
    uint8_t state; /* enum ec_state */
    bool accepts;  /* WAIT: takes calls */
    bool recall;   /* deliver RECALL before the next entry */
    uint8_t cpu;   /* number of its CPU, for life */

    uint8_t send; /* enum ec_send */
    bool foreign; /* `syscall` is an event */
    bool
        full_restore; /* arch: leave by IRET with all registers. Never set while in user mode or in a hypercall */
    bool is_vcpu;
    bool timeout_queued;
    bool local_turn; /* it served somebody of another CPU last: now one of `senders`, if there is any */
    bool special;   /* threads: has FPU state or a GS base (arch: more to load than page table and FS base) */
    uint32_t event; /* enum thread_event or vcpu_exit being sent */

    uint64_t vector, error_code, fault_address; /* of the last exception event */

    struct ec *callee;  /* E1 */
    struct ec *caller;  /* E2 */
    struct ec *senders; /* RETRY contexts that wait for this one */
    struct ec *sender_next, *sender_previous;
    struct ec *remote_first, *remote_last; /* REMOTE contexts that wait for this one, by `sender_next` */

    struct sc *sc;      /* bound scheduling context, NULL if passive */
    struct sc *blocked; /* E4 */

    struct notification *waits_for;
    uint64_t deadline; /* DEADLINE_NEVER unless queued */
    struct ec *timeout_next, *timeout_previous;

    struct event_binding *events;
    uint32_t event_count;
    struct event_binding thread_events[THREAD_EVENT_COUNT];
};

#define EC_KIND 9u
_Static_assert(sizeof(struct ec) <= 1u << EC_KIND && sizeof(struct ec) > 1u << (EC_KIND - 1), "slab kind");

/* Threads: message area at `area_physical` (lent for the thread's life). NULL: account empty. */
struct ec *thread_create(struct pd *pd, uint64_t area_physical, uint64_t flags, uint32_t cpu);
struct ec *vcpu_create(struct pd *account, struct guest_space *space, uint32_t cpu);
void ec_destroy(struct ec *context);

/* A RETRY context's edge to its callee (E1). */
void ec_link_callee(struct ec *context, struct ec *callee);
void ec_unlink_callee(struct ec *context);

/* The queue of those REMOTE contexts that wait for a handler, first come first served. */
void ec_remote_append(struct ec *handler, struct ec *context);
void ec_remote_remove(struct ec *handler, struct ec *context);

#define EC_WORD(state, accepts, cpu) ((uint32_t)(state) | (uint32_t)(accepts) << 8 | (uint32_t)(cpu) << 24)

/* Does it wait for calls on this CPU, with no recall to be delivered first? */
OBJECT_FAST bool ec_accepts_here(const struct ec *handler, const struct cpu *cpu)
{
    typedef uint32_t __attribute__((may_alias)) word;

    return *(const word *)&handler->state == cpu->accepting;
}

_Static_assert(__builtin_offsetof(struct ec, state) % 4 == 0 &&
                   __builtin_offsetof(struct ec, accepts) == __builtin_offsetof(struct ec, state) + 1 &&
                   __builtin_offsetof(struct ec, recall) == __builtin_offsetof(struct ec, state) + 2 &&
                   __builtin_offsetof(struct ec, cpu) == __builtin_offsetof(struct ec, state) + 3,
               "EC_WORD");

/* Would an edge target -> from close a cycle? Cycles that come about on several CPUs at a time may go unnoticed. */
bool ec_reaches(const struct ec *from, const struct ec *target);

/* State groups that exist for this kind of context. */
static inline uint64_t ec_groups(const struct ec *context)
{
    return context->is_vcpu ? (uint64_t)VCPU_GROUP_ALL : (uint64_t)THREAD_GROUP_ALL;
}

[[nodiscard]] enum status ec_bind(struct ec *context, uint64_t event, struct object *portal, uint64_t groups);
[[nodiscard]] enum status ec_control(struct ec *context, uint64_t operation);

/* Groups of a thread's state to and from the message layout. write corrects what a thread must not have. */
void thread_state_read(struct ec *thread, uint64_t groups, struct thread_state *out);
void thread_state_write(struct ec *thread, uint64_t groups, const struct thread_state *in);

/* The same for either kind of context, with the state in message words. write: false if a virtual CPU must not have it. */
static inline void ec_state_read(struct ec *context, uint64_t groups, uint64_t *words)
{
    if (context->is_vcpu) {
        ((struct vcpu_state *)words)->groups = groups;
        arch_vcpu_read(context, groups, (struct vcpu_state *)words);
    } else {
        thread_state_read(context, groups, (struct thread_state *)words);
    }
}

[[nodiscard]] static inline bool ec_state_write(struct ec *context, uint64_t groups, const uint64_t *words)
{
    if (context->is_vcpu)
        return arch_vcpu_write(context, groups, (const struct vcpu_state *)words);
    thread_state_write(context, groups, (const struct thread_state *)words);
    return true;
}

#endif
