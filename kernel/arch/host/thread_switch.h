/* SPDX-License-Identifier: MIT */
/* The ends of the path of a call, for the host tests: results go into the registers in memory. */
#ifndef KERNEL_ARCH_HOST_THREAD_SWITCH_H
#define KERNEL_ARCH_HOST_THREAD_SWITCH_H

#include "abi/hypercall.h"
#include "kernel/arch/arch.h"
#include "kernel/object/ec.h"

#define FAST_PATH

static inline _Noreturn void arch_thread_received(struct ec *handler, struct cpu *cpu, uint64_t portal_id,
                                                  uint64_t tag)
{
    handler->regs.rax = OK;
    handler->regs.rdi = portal_id;
    handler->regs.rsi = tag;
    handler->regs.rdx = WAKE_CALL;
    arch_thread_return(handler, cpu);
}

static inline _Noreturn void arch_thread_answered(struct ec *caller, struct cpu *cpu, uint64_t tag)
{
    caller->regs.rax = OK;
    caller->regs.rdi = tag;
    arch_thread_return(caller, cpu);
}

#endif
