/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU state. There is no other mutable global of the generic kernel but frame_kind, the interrupt table and the
 * serial counter, which the kernel lock protects (kernel/smp.h). cpu_self() comes from the architecture (GS base), or
 * from the host tests.
 *
 * Invariant: the running scheduling context `sc` is in no queue. `ec` is the context whose registers the next kernel
 * entry saves; it was reached from `sc` along the chain of calls (kernel/sched/sched.c).
 */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "kernel/arch/cpu_arch.h"

#include <stdbool.h>
#include <stdint.h>

struct ec;
struct notification;
struct sc;

#define CPU_MAX 64u

#define SCHED_PRIORITIES 128u

struct sc_queue {
    struct sc *first;
    struct sc *last;
};

struct cpu {
    struct cpu *self;   /* gs:0 */
    struct ec *ec;      /* gs:8: current context, NULL while idle */
    uint64_t stack_top; /* gs:16: kernel stack, used from its top at each entry */
    uint64_t scratch;   /* gs:24: user rsp during syscall entry */
    uint32_t id;
    uint32_t accepting; /* EC_WORD of a context of this CPU that waits for calls */
    bool
        reschedule; /* something of higher priority became ready, or the current context stopped. Not in user mode */
    struct sc *sc;        /* current scheduling context, NULL while idle */
    uint64_t slice_start; /* TSC when sc began to run */
    uint64_t slice_end;   /* TSC when its budget ends */
    uint64_t timer;       /* TSC for which the timer is armed, UINT64_MAX if not */
    struct ec *timeouts;  /* sorted by deadline */
    uint64_t ready_mask[SCHED_PRIORITIES / 64];
    struct sc_queue ready[SCHED_PRIORITIES];
    uint32_t stop;                            /* enum cpu_stop */
    struct notification *inbox_notifications; /* signalled by other CPUs */
    struct ec *inbox_contexts;                /* sent here by other CPUs */
    struct cpu_arch arch;
};

/* Between a CPU and the holder of the kernel lock. */
enum cpu_stop {
    CPU_RUNS = 0,
    CPU_STOP_ASKED = 1,
    CPU_STOPPED = 2, /* until the holder writes CPU_RUNS */
};

/* All CPUs that run, by number; set by boot, never changed. */
extern struct cpu *cpus[CPU_MAX];
extern unsigned cpu_count;

#endif
