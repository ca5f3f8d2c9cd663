/* SPDX-License-Identifier: MIT */
/*
 * Absolute timeouts, a list sorted by deadline.
 *
 * A context stays queued when it is woken early: a server that waits again with the same deadline (the common case)
 * then costs nothing here. So an entry may expire while its context does something else; it is just taken out.
 */
#include "kernel/ipc/ipc.h"
#include "kernel/sched/sched.h"

static void unlink_timeout(struct cpu *cpu, struct ec *context)
{
    if (context->timeout_previous)
        context->timeout_previous->timeout_next = context->timeout_next;
    else
        cpu->timeouts = context->timeout_next;
    if (context->timeout_next)
        context->timeout_next->timeout_previous = context->timeout_previous;
    context->timeout_queued = false;
    context->deadline = DEADLINE_NEVER;
}

void timeout_cancel(struct ec *context)
{
    if (context->timeout_queued)
        unlink_timeout(cpus[context->cpu], context);
}

void timeout_set(struct ec *context, uint64_t deadline)
{
    struct cpu *cpu = cpu_self();
    struct ec *previous = 0;
    struct ec *next;

    if (context->timeout_queued && context->deadline == deadline)
        return;
    timeout_cancel(context);
    context->deadline = deadline;
    for (next = cpu->timeouts; next && next->deadline <= deadline; next = next->timeout_next)
        previous = next;
    context->timeout_next = next;
    context->timeout_previous = previous;
    if (next)
        next->timeout_previous = context;
    if (previous)
        previous->timeout_next = context;
    else
        cpu->timeouts = context;
    context->timeout_queued = true;
    if (!previous)
        sched_arm_timer(cpu);
}

void timeouts_expire(struct cpu *cpu, uint64_t now)
{
    while (cpu->timeouts && cpu->timeouts->deadline <= now) {
        struct ec *context = cpu->timeouts;

        unlink_timeout(cpu, context);
        ipc_timeout(context);
    }
}
