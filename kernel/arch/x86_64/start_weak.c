/* SPDX-License-Identifier: MIT */
/* What kernel/smp.c defines, until it does. */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/start.h"
#include "kernel/cpu.h"

__attribute__((weak)) struct cpu *cpus[CPU_MAX];
__attribute__((weak)) unsigned cpu_count;

__attribute__((weak)) void cpu_interrupted(void) {}

__attribute__((weak)) void cpu_main(struct cpu *cpu)
{
    (void)cpu;
    sched_dispatch();
}
