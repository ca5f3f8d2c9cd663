/* SPDX-License-Identifier: MIT */
/*
 * The x86 part of the per-CPU state: what is loaded into this processor's registers, so that a switch writes only what
 * differs. GS base points to struct cpu in kernel mode; the offsets below are asserted in thread.c.
 */
#ifndef KERNEL_ARCH_X86_64_CPU_ARCH_H
#define KERNEL_ARCH_X86_64_CPU_ARCH_H

/* struct cpu, from GS */
#define CPU_SELF      0
#define CPU_EC        8
#define CPU_STACK_TOP 16
#define CPU_SCRATCH   24

/* struct ec */
#define EC_REGS         24
#define EC_RFLAGS       (EC_REGS + 136)
#define EC_FOREIGN      261
#define EC_FULL_RESTORE 262

#define PHYSMAP_BASE 0xffff800000000000ull

#ifndef __ASSEMBLY__
#include <stdbool.h>
#include <stdint.h>

struct cpu;
struct cpu_stacks;
struct cpu_tables;
struct ec;
struct fpu_area;
struct port_space;
struct tss;
struct vmcb;

struct cpu_arch {
    uint64_t special;     /* not 0: ports, FPU state or a GS base may be loaded */
    struct ec *loaded;    /* thread whose bases, FPU policy and spaces are loaded; NULL: nothing is known */
    uint64_t cr3;         /* loaded page table */
    uint64_t fs_base;     /* loaded FS base */
    uint64_t gs_base;     /* loaded KERNEL_GS_BASE: user GS base while in the kernel */
    struct ec *fpu_owner; /* whose state the FPU registers hold; NULL: nobody's */
    struct fpu_area *fpu_open;       /* area of the owner, if CR0.TS = 0; NULL: CR0.TS = 1 */
    struct port_space *ports;        /* whose bitmap is in force; NULL: none */
    struct port_space *ports_copied; /* whose bitmap the TSS holds; NULL: nobody's */
    struct cpu_tables *tables;       /* GDT, TSS */
    struct cpu_stacks *stacks;
    struct tss *tss;
    uint32_t apic_id;
    uint64_t xcr0;         /* loaded XCR0 */
    uint64_t tsc_aux;      /* loaded TSC_AUX */
    uint64_t host_vmcb;    /* physical; VMSAVE area of the host */
    struct ec *guest;      /* virtual CPU whose FPU state, XCR0, TSC_AUX and dr0-dr3 are loaded */
    uint64_t last_machine; /* serial of the guest space that was entered last */
    uint32_t asid_next;    /* next address space identifier to give out */
    uint64_t asid_epoch;   /* raised when identifiers are given out anew */
};

static inline struct cpu *cpu_self(void)
{
    struct cpu *cpu;

    asm("mov %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

/* Number of the frame behind a pointer into the physical map: two shifts drop all that does not belong to it. */
static inline uint64_t virt_to_frame(const void *pointer)
{
    return (uint64_t)pointer << 17 >> (17 + 12);
}
#endif

#endif
