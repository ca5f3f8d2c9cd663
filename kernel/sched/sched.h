/* SPDX-License-Identifier: MIT */
/*
 * Scheduling: fixed priorities, round robin inside one, a budget per scheduling context.
 *
 * What is scheduled is the scheduling context; what runs is found by following its context's chain of calls: a caller
 * lends its scheduling context to the handler (donation), and one who waits for a busy handler lends it too (helping,
 * which bounds priority inversion). If the chain ends at a context that waits, the scheduling context is blocked there
 * until that context changes (E4 in kernel/object/ec.h).
 */
#ifndef KERNEL_SCHED_SCHED_H
#define KERNEL_SCHED_SCHED_H

#include "kernel/cpu.h"
#include "kernel/object/ec.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/object/pd.h"
#include "kernel/object/space.h"

/* TSC ticks of a turn. Shorter ones would be all scheduling, the end of longer ones might be no 64-bit number. */
#define SC_BUDGET_MIN 10000u
#define SC_BUDGET_MAX (1ull << 48)

static inline bool sc_parameters_ok(uint64_t priority, uint64_t budget)
{
    return priority <= SC_PRIORITY_MAX && budget >= SC_BUDGET_MIN && budget <= SC_BUDGET_MAX;
}

/* Creates a scheduling context for `context` and queues it. NULL: account empty. */
struct sc *sc_create(struct pd *account, struct ec *context, uint32_t priority, uint64_t budget);
void sc_destroy(struct sc *sc);
void sc_change(struct sc *sc, uint32_t priority, uint64_t budget);

/* Takes a scheduling context out of whatever queue or list holds it. */
void sc_detach(struct sc *sc);

/* Makes it ready; asks for rescheduling if it has a higher priority than the current one. */
void sc_ready(struct sc *sc);

/* Readies all that are blocked at this context. */
void sched_release(struct ec *context);

/* The same for all along its chain, as far as its CPU goes, which looks anew for whom to run: for when an edge into the
   chain or a scheduling context that drove it is gone. Those that are blocked in the middle (a server's own) may have to drive it now. */
void sched_release_chain(struct ec *context);

/* READY, with everything blocked there released. */
void sched_wake(struct ec *context);

/* Goes to `context` on the current scheduling context unless something more urgent became ready. */
_Noreturn void sched_continue(struct ec *context);

/* Enters user or guest mode. The context is READY. */
_Noreturn void sched_enter(struct ec *context);

/* sched_dispatch() on an empty stack. Whoever comes from the dispatcher and must go back to it goes this way: else a row
   of contexts that cannot run (their portal is gone, say) would use up the stack. */
_Noreturn void sched_restart(void);

/* sched_continue() for a thread, on the path of every call. */
static inline _Noreturn __attribute__((always_inline)) void sched_continue_thread(struct ec *thread)
{
    struct cpu *cpu = cpu_self();

    if (__builtin_expect(cpu->reschedule, 0))
        sched_restart(); /* the dispatcher may have called, with a call that failed while it waited for the lock */
    if (__builtin_expect(thread->recall || thread->full_restore, 0))
        sched_enter(thread);
    cpu->ec = thread;
    arch_thread_return(thread, cpu);
}

/* The same for a virtual CPU. */
static inline _Noreturn __attribute__((always_inline)) void sched_continue_vcpu(struct ec *vcpu)
{
    struct cpu *cpu = cpu_self();

    if (__builtin_expect(cpu->reschedule, 0))
        sched_dispatch();
    if (__builtin_expect(vcpu->recall || !reference_get_kind(&vcpu->guest_space_ref, GUEST_SPACE_KIND), 0))
        sched_enter(vcpu);
    cpu->ec = vcpu;
    arch_vcpu_enter(vcpu);
}

/* Timeouts: a queued context that still waits at its deadline wakes as ipc_timeout() says; another is only taken out. */
void timeout_set(struct ec *context, uint64_t deadline);
void timeout_cancel(struct ec *context);

/* Wakes every waiter whose deadline is not after `now`. */
void timeouts_expire(struct cpu *cpu, uint64_t now);

/* Sees to it that the timer fires at the end of the slice or at the first timeout, whichever comes first, or before. */
void sched_arm_timer(struct cpu *cpu);

#endif
