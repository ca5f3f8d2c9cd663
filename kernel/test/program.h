/* SPDX-License-Identifier: MIT */
/*
 * Random programs: what threads under test ask of the kernel. Each CPU has its own source of randomness (struct host_machine),
 * so that a CPU's choices do not depend on when the others make theirs.
 */
#ifndef KERNEL_TEST_PROGRAM_H
#define KERNEL_TEST_PROGRAM_H

#include <stdbool.h>

#include "abi/hypercall.h"

#define AREA_COUNT 24u

struct program {
    bool trace; /* print what is asked for */
    uint64_t
        area_first; /* frames for message areas of threads that programs create: AREA_COUNT from here on */
    uint64_t calls[HYPERCALL_COUNT], good[HYPERCALL_COUNT];
};

extern struct program program;

uint64_t random64(void);
uint64_t below(uint64_t end);

/* Physical addresses: a message area, a frame of user memory if one is found. */
uint64_t program_area(void);
uint64_t program_frame(void);

/* One entry of the thread that runs on this CPU: arguments that often make sense, anything in the registers, or a mixture
   for several CPUs. Statuses that the kernel's interface does not name for a hypercall are errors. */
void program_step(void);
void program_step_raw(void);
void program_step_smp(void);

/* What must hold whenever the kernel goes to user mode, guest mode, or idle on this CPU. */
void program_check_entered(void);

#endif
