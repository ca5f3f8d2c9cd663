/* SPDX-License-Identifier: MIT */
/*
 * What the processor is told about speculative execution (doc/security.md). Where it has the means:
 *
 *   automatic IBRS   branches predicted in user mode or a guest do not steer the kernel; switched on once (APM vol. 2, 3.1.7)
 *   IBPB             branches trained by one virtual machine do not steer another one: a barrier on each CPU whenever it
 *                    enters another machine than the last time (APM vol. 2, 3.2.9)
 *
 * The word `speculation=off` in the kernel's command line leaves both out.
 */
#ifndef KERNEL_ARCH_X86_64_SPECULATION_H
#define KERNEL_ARCH_X86_64_SPECULATION_H

struct cpu;
struct ec;

/* Looks for the word, while the loader's memory is still there. */
void speculation_command_line(const char *line);
/* Each CPU. */
void speculation_cpu_init(void);
/* What is in force, for the log. */
const char *speculation_text(void);
/* Before another guest than the last one is entered. */
void speculation_guest_change(struct cpu *cpu, const struct ec *vcpu);

#endif
