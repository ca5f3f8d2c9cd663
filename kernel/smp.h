/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs: who may touch what (doc/decision/0010-smp.md).
 *
 *   S1  What belongs to a CPU (contexts with ec->cpu, its queues, scheduling contexts and timeouts, what its registers
 *       hold) is changed by that CPU, or by the holder of the kernel lock while that CPU is stopped.
 *   S2  Calls, replies, events, signals and waits inside one CPU, the dispatcher and the timer take no lock. All other
 *       hypercalls and every transfer of capabilities hold the one kernel lock, a ticket lock.
 *   S3  A CPU stops only where it holds no reference to any object: in user mode, guest mode, idle (by an interrupt), or
 *       while it waits for the kernel lock. So whoever waited for the lock looks everything up anew. A stopped CPU has
 *       written back what its registers held, and has no translation of any user address.
 *   S4  Objects are destroyed, and contexts of another CPU controlled, with all CPUs stopped and their inboxes empty.
 *       So the memory of a dead object is reused only after every CPU has forgotten it.
 *   S5  What one CPU wants from another one without the lock goes through the other's inbox: notifications that
 *       were signalled, contexts that call, that were answered, or that are to be resumed.
 */
#ifndef KERNEL_SMP_H
#define KERNEL_SMP_H

#include "kernel/cpu.h"

struct notification;

struct kernel_lock {
    uint32_t next;    /* ticket of the next one who comes */
    uint32_t serving; /* ticket of the holder */
    bool stopped;     /* the holder has asked somebody to stop */
};

extern struct kernel_lock kernel_lock_word;

/* Waits until `ticket` is served, and stops when asked to. */
void kernel_lock_wait(uint32_t ticket);
void cpus_release(void);

/* Takes the lock. True if others had it: this CPU may have been stopped meanwhile, and any reference held from before is void. */
static inline bool kernel_lock(void)
{
    uint32_t ticket = __atomic_fetch_add(&kernel_lock_word.next, 1, __ATOMIC_ACQ_REL);

    if (__builtin_expect(__atomic_load_n(&kernel_lock_word.serving, __ATOMIC_ACQUIRE) == ticket, 1))
        return false;
    kernel_lock_wait(ticket);
    return true;
}

/* Gives the lock back, and lets all CPUs go on that were stopped. */
static inline void kernel_unlock(void)
{
    if (__builtin_expect(kernel_lock_word.stopped, 0))
        cpus_release();
    __atomic_store_n(&kernel_lock_word.serving, kernel_lock_word.serving + 1, __ATOMIC_RELEASE);
}

/* The holder of the lock stops all other CPUs, and empties all inboxes. Nothing, when that is done already. */
void cpus_stop(void);

/* Stops those CPUs that have the page table at `root` loaded: afterwards no CPU knows a translation that is no longer in it. */
void cpus_stop_space(uint64_t root);

/* Puts something into the inbox of another CPU and interrupts it. A context is on nobody's hands until it gets out there. */
void cpu_post_notification(struct cpu *cpu, struct notification *notification);
void cpu_post_context(struct cpu *cpu, struct ec *context);

#endif
