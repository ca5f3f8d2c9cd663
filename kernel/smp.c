/* SPDX-License-Identifier: MIT */
/*
 * The kernel lock, stopping other CPUs, and inboxes; see smp.h.
 */
#include "kernel/smp.h"

#include "kernel/arch/arch.h"
#include "kernel/ipc/ipc.h"
#include "kernel/object/ec.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/sched/sched.h"

struct cpu *cpus[CPU_MAX];
unsigned cpu_count;

struct kernel_lock kernel_lock_word;

/* Stops this CPU if the holder of the lock asked for it. */
static void stop_here(struct cpu *cpu)
{
    if (__atomic_load_n(&cpu->stop, __ATOMIC_ACQUIRE) != CPU_STOP_ASKED)
        return;
    arch_cpu_quiesce();
    __atomic_store_n(&cpu->stop, CPU_STOPPED, __ATOMIC_RELEASE);
    while (__atomic_load_n(&cpu->stop, __ATOMIC_ACQUIRE) == CPU_STOPPED)
        arch_pause();
}

void kernel_lock_wait(uint32_t ticket)
{
    while (__atomic_load_n(&kernel_lock_word.serving, __ATOMIC_ACQUIRE) != ticket) {
        stop_here(cpu_self());
        arch_pause();
    }
}

void cpus_release(void)
{
    kernel_lock_word.stopped = false;
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpus[i]->stop == CPU_STOPPED)
            __atomic_store_n(&cpus[i]->stop, CPU_RUNS, __ATOMIC_RELEASE);
}

/* Asks all others for which `wanted` holds, all if it is 0, and waits until they have stopped. */
static void stop_others(uint64_t root_opt)
{
    struct cpu *self = cpu_self();

    for (unsigned i = 0; i < cpu_count; i++) {
        struct cpu *cpu = cpus[i];

        if (cpu == self || cpu->stop != CPU_RUNS || (root_opt && !arch_cpu_has_space(cpu, root_opt)))
            continue;
        kernel_lock_word.stopped = true;
        __atomic_store_n(&cpu->stop, CPU_STOP_ASKED, __ATOMIC_SEQ_CST);
        arch_ipi(cpu);
    }
    for (unsigned i = 0; i < cpu_count; i++)
        while (__atomic_load_n(&cpus[i]->stop, __ATOMIC_ACQUIRE) == CPU_STOP_ASKED)
            arch_pause();
}

/* `deliver` is notification_deliver() when all are stopped; else a waiter that is not here any more is followed. */
static void drain_notifications(struct cpu *cpu, void (*deliver)(struct notification *))
{
    struct notification *next = __atomic_exchange_n(&cpu->inbox_notifications, 0, __ATOMIC_ACQ_REL);

    while (next) {
        struct notification *notification = next;

        next = notification->inbox_next;
        __atomic_store_n(&notification->posted, 0, __ATOMIC_SEQ_CST);
        deliver(notification);
    }
}

/* With the lock. The list is a stack: the one who came first is at its end. */
static void drain_contexts(struct cpu *cpu)
{
    struct ec *newest = __atomic_exchange_n(&cpu->inbox_contexts, 0, __ATOMIC_ACQ_REL);
    struct ec *oldest = 0;

    while (newest) {
        struct ec *context = newest;

        newest = context->sender_next;
        context->sender_next = oldest;
        oldest = context;
    }
    while (oldest) {
        struct ec *context = oldest;

        oldest = context->sender_next;
        ipc_remote_arrived(context);
    }
}

void cpus_stop(void)
{
    bool again = true;

    if (cpu_count == 1)
        return;
    stop_others(0);
    while (again) { /* what is in one inbox may cause a message to another CPU */
        again = false;
        for (unsigned i = 0; i < cpu_count; i++) {
            if (!cpus[i]->inbox_notifications && !cpus[i]->inbox_contexts)
                continue;
            drain_notifications(cpus[i], notification_deliver);
            drain_contexts(cpus[i]);
            again = true;
        }
    }
}

void cpus_stop_space(uint64_t root)
{
    if (cpu_count == 1)
        return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* who loads it after our look must see what was changed */
    stop_others(root);
}

void cpu_post_notification(struct cpu *cpu, struct notification *notification)
{
    if (__atomic_exchange_n(&notification->posted, 1, __ATOMIC_SEQ_CST))
        return;
    notification->inbox_next = __atomic_load_n(&cpu->inbox_notifications, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&cpu->inbox_notifications, &notification->inbox_next, notification,
                                        false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {}
    arch_ipi(cpu);
}

void cpu_post_context(struct cpu *cpu, struct ec *context)
{
    context->sender_next = __atomic_load_n(&cpu->inbox_contexts, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&cpu->inbox_contexts, &context->sender_next, context, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {}
    arch_ipi(cpu);
}

void cpu_interrupted(void)
{
    struct cpu *cpu = cpu_self();

    stop_here(cpu);
    drain_notifications(cpu, notification_arrived);
    if (!__atomic_load_n(&cpu->inbox_contexts, __ATOMIC_RELAXED))
        return;
    kernel_lock();
    drain_contexts(cpu);
    kernel_unlock();
}

void cpu_main(struct cpu *cpu)
{
    (void)cpu;
    sched_dispatch();
}
