/* SPDX-License-Identifier: MIT */
/* The stacks of a CPU, each above a guard page that kernel_map.c leaves out. */
#ifndef KERNEL_ARCH_X86_64_STACK_H
#define KERNEL_ARCH_X86_64_STACK_H

#include <stdint.h>

#define CPU_STACK_SIZE 16384u
#define CPU_IST_STACKS 3u /* NMI, double fault, machine check */

struct ist_stack {
    uint8_t guard[4096];
    uint8_t stack[4096];
};

struct cpu_stacks {
    uint8_t guard[4096];
    uint8_t main[CPU_STACK_SIZE];
    struct ist_stack ist[CPU_IST_STACKS];
};

/* CPU 0's; the others' are made by kernel_map_stacks(). */
extern struct cpu_stacks boot_stacks;

#endif
