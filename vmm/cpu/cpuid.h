/* SPDX-License-Identifier: MIT */
/*
 * What CPUID tells a guest.
 *
 * Every answer starts from the host's and is cut down to a list of features that are known to work in a virtual machine
 * without further help; a feature that nobody has listed is absent, so new processors bring no surprises. What the
 * virtual machine has of its own (topology, APIC id, hypervisor leaves) is filled in from the policy.
 *
 * Leaves 0x40000000 to 0x40000010 are those of KVM: Linux then takes time and TSC frequency from kvmclock, uses no
 * I/O delays, ends most interrupts without an exit, and with the TSC-deadline timer calibrates nothing at all.
 */
#ifndef VMM_CPU_CPUID_H
#define VMM_CPU_CPUID_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CPUID_KVM_BASE = 0x40000000,
    CPUID_KVM_FEATURES = 0x40000001,
    CPUID_KVM_TIMING = 0x40000010,

    CPUID_KVM_CLOCKSOURCE = 1u << 0, /* MSRs 0x11 and 0x12 */
    CPUID_KVM_NOP_IO_DELAY = 1u << 1,
    CPUID_KVM_CLOCKSOURCE2 = 1u << 3, /* MSRs 0x4b564d00 and 01 */
    CPUID_KVM_PV_EOI = 1u << 6,       /* MSR 0x4b564d04 */
    CPUID_KVM_CLOCKSOURCE_STABLE = 1u << 24,

    CPUID_XCR0_X87 = 1u << 0,
    CPUID_XCR0_SSE = 1u << 1,
    CPUID_XCR0_AVX = 1u << 2,
    CPUID_XCR0_AVX512 = 7u << 5,
};

struct cpuid_registers {
    uint32_t eax, ebx, ecx, edx;
};

struct cpuid_policy {
    unsigned cpu_count;
    uint32_t tsc_khz;      /* of the guest's TSC */
    uint32_t apic_khz;     /* input of the local APIC's timer, before its divider */
    uint64_t xcr0_allowed; /* components that the vCPU layer switches; 0: no XSAVE */
    bool x2apic;           /* the local APIC model has the x2APIC registers */
    bool tsc_deadline;     /* ... and the TSC-deadline mode */
    bool tsc_adjust;       /* the MSR is emulated */
    bool tsc_aux;          /* the vCPU layer switches TSC_AUX: RDTSCP and RDPID may be offered */
    bool tsc_invariant;    /* the guest's TSC runs at a constant rate, always */
    bool kvmclock;         /* the clock MSRs are served */
    bool pv_eoi;           /* the end of an interrupt may be told in memory */
    uint32_t microcode;    /* revision to report */
};

/* What the answer depends on beside the policy. */
struct cpuid_state {
    unsigned cpu_index; /* also the APIC id */
    uint64_t cr4;
    uint64_t xcr0;
};

struct cpuid_host {
    void *context;
    struct cpuid_registers (*query)(void *context, uint32_t leaf, uint32_t subleaf);
};

struct cpuid_registers cpuid_answer(const struct cpuid_policy *policy, const struct cpuid_state *state,
                                    uint32_t leaf, uint32_t subleaf, const struct cpuid_host *host);

/* Whether the guest may load this value into XCR0. */
bool cpuid_xcr0_valid(const struct cpuid_policy *policy, const struct cpuid_host *host, uint64_t xcr0);

#endif
