/* SPDX-License-Identifier: MIT */
/* Per-CPU part when the generic kernel runs as a host program under test: the CPU is a variable, physical memory is an array. */
#ifndef KERNEL_ARCH_HOST_CPU_ARCH_H
#define KERNEL_ARCH_HOST_CPU_ARCH_H

#include <stdint.h>

struct cpu;

struct cpu_arch {
    uint64_t unused;
};

extern _Thread_local struct cpu *host_cpu; /* of this thread, or of the coroutine that runs now */
extern uint8_t *host_memory;

#define PHYSMAP_BASE ((uint64_t)host_memory)

static inline struct cpu *cpu_self(void)
{
    return host_cpu;
}

static inline uint64_t virt_to_frame(const void *pointer)
{
    return pointer ? ((uint64_t)pointer - PHYSMAP_BASE) >> 12 : 0;
}

#endif
