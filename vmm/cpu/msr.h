/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers: what a guest's RDMSR or WRMSR that reached the monitor means.
 *
 * A table (msr.c) says of each register who owns it. Constants, memory-like registers and those that are ignored are
 * answered here, from struct msr_state of the virtual CPU. What belongs to another part of the monitor is named in the
 * answer, with the index and value left to that part: MSR_APIC to the local APIC, MSR_VCPU to the register state, MSR_TSC to
 * whoever keeps the TSC offset, MSR_CLOCK to kvmclock, MSR_PV_EOI to KVM's paravirtual end of interrupts. Everything else is the
 * guest's #GP: Linux expects that of registers that a processor lacks, and goes on; MSR_UNKNOWN tells the monitor that nobody thought
 * of this one, which is worth a line in the log.
 */
#ifndef VMM_CPU_MSR_H
#define VMM_CPU_MSR_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/cpu/cpuid.h"

enum msr_index {
    MSR_IA32_TSC = 0x10,
    MSR_KVM_WALL_CLOCK = 0x11,
    MSR_KVM_SYSTEM_TIME = 0x12,
    MSR_IA32_APIC_BASE = 0x1b,
    MSR_IA32_TSC_ADJUST = 0x3b,
    MSR_IA32_PAT = 0x277,
    MSR_IA32_TSC_DEADLINE = 0x6e0,
    MSR_X2APIC_FIRST = 0x800,
    MSR_X2APIC_LAST = 0x83f,
    MSR_KVM_WALL_CLOCK_NEW = 0x4b564d00,
    MSR_KVM_SYSTEM_TIME_NEW = 0x4b564d01,
    MSR_KVM_PV_EOI_EN = 0x4b564d04,
};

enum msr_answer {
    MSR_DONE,    /* answered here */
    MSR_FAULT,   /* inject #GP(0) */
    MSR_UNKNOWN, /* the same, and nobody thought of it */
    MSR_VCPU,    /* EFER, STAR, SYSENTER, FS/GS base, PAT, ...: register state of the virtual CPU */
    MSR_APIC,    /* APIC base, TSC deadline, x2APIC */
    MSR_TSC,     /* TSC and TSC_ADJUST */
    MSR_CLOCK,   /* kvmclock: wall clock and system time, old and new indices */
    MSR_PV_EOI,  /* where an interrupt's end is told in memory */
};

enum {
    MSR_MTRR_VARIABLE = 8,
    MSR_MTRR_FIXED = 11,
    MSR_SLOT_MTRR_DEFAULT = 0,
    MSR_SLOT_MTRR_VARIABLE,
    MSR_SLOT_MTRR_FIXED = MSR_SLOT_MTRR_VARIABLE + 2 * MSR_MTRR_VARIABLE,
    MSR_SLOT_HWCR = MSR_SLOT_MTRR_FIXED + MSR_MTRR_FIXED,
    MSR_SLOT_DE_CFG,
    MSR_SLOT_COUNT,
};

/* Contents of the registers that behave like memory, one set a virtual CPU. */
struct msr_state {
    uint64_t slot[MSR_SLOT_COUNT];
};

/* As after reset, with what firmware sets up: all memory write-back. */
void msr_state_reset(struct msr_state *state);

/* What CPUID does not announce, faults. `value` is set for MSR_DONE only. */
enum msr_answer msr_read(const struct cpuid_policy *policy, const struct msr_state *state, uint32_t index,
                         uint64_t *value);
enum msr_answer msr_write(const struct cpuid_policy *policy, struct msr_state *state, uint32_t index,
                          uint64_t value);

/* For the owners of MSR_VCPU registers: whether each byte of a PAT value is a memory type. */
bool msr_pat_valid(uint64_t value);

#endif
