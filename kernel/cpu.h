/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU state. There is no other mutable global of the generic kernel but frame_kind, the interrupt table and the
 * serial counter. cpu_self() comes from the architecture (GS base), or from the host tests.
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
struct sc;

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
    bool reschedule;      /* something of higher priority became ready, or the current context stopped */
    struct sc *sc;        /* current scheduling context, NULL while idle */
    uint64_t slice_start; /* TSC when sc began to run */
    uint64_t slice_end;   /* TSC when its budget ends */
    uint64_t timer;       /* TSC for which the timer is armed, UINT64_MAX if not */
    struct ec *timeouts;  /* sorted by deadline */
    uint64_t ready_mask[SCHED_PRIORITIES / 64];
    struct sc_queue ready[SCHED_PRIORITIES];
    struct cpu_arch arch;
};

#endif
