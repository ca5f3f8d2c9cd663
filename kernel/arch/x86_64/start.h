/* SPDX-License-Identifier: MIT */
/* Starting further CPUs: what start.c and trampoline.S share. */
#ifndef KERNEL_ARCH_X86_64_START_H
#define KERNEL_ARCH_X86_64_START_H

/* Pages below 1 MiB, in memory that multiboot.c keeps for the kernel: code, then three levels of page table. */
#define TRAMPOLINE           0x8000
#define TRAMPOLINE_ROOT      0x9000
#define TRAMPOLINE_POINTERS  0xa000
#define TRAMPOLINE_DIRECTORY 0xb000

/* Values of start_ticket besides the APIC id of the CPU that is expected. */
#define TICKET_TAKEN  -1
#define TICKET_NOBODY -2

#ifndef __ASSEMBLY__
#include <stdint.h>

struct cpu;
struct madt;

/* Starts all CPUs that the firmware lists. Sets cpus, cpu_count; `boot` is CPU 0, which runs this. */
void cpus_start(struct cpu *boot, const struct madt *madt);

/* trampoline.S */
extern const uint8_t trampoline_begin[], trampoline_end[];
/* Set for one CPU after the other. */
extern uint64_t start_ticket, start_page_table, start_stack;
extern struct cpu *start_cpu;

_Noreturn void ap_main(struct cpu *cpu);
#endif

#endif
