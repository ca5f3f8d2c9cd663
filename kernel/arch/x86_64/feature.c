/* SPDX-License-Identifier: MIT */
/* Switches on what the processor offers to keep the kernel and its threads apart. */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/mem/memory.h"

#define CR4_MCE (1ull << 6)

#define CPUID1_EDX_MCE   (1u << 7)
#define CPUID1_EDX_PAT   (1u << 16)
#define CPUID1_ECX_XSAVE (1u << 26)
#define CPUID7_EBX_SMEP  (1u << 7)
#define CPUID7_EBX_SMAP  (1u << 20)
#define CPUID7_ECX_UMIP  (1u << 2)
#define CPUIDX1_ECX_SVM  (1u << 2)
#define CPUIDX7_EDX_ITSC (1u << 8)

/* Page attribute table: index 0 write-back, 1 write-combining, 2 uncached-minus, 3 uncached; 4-7 the same. */
#define PAT_VALUE 0x0007010600070106ull

static uint64_t feature_cr4(void)
{
    struct cpuid one = cpuid(1, 0), seven = {0};
    uint64_t cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    if (cpuid(0, 0).eax >= 7)
        seven = cpuid(7, 0);
    if (one.edx & CPUID1_EDX_MCE)
        cr4 |= CR4_MCE;
    if (one.ecx & CPUID1_ECX_XSAVE)
        cr4 |= CR4_OSXSAVE;
    if (seven.ebx & CPUID7_EBX_SMEP) {
        cr4 |= CR4_SMEP;
        boot_info.features |= BOOT_FEATURE_SMEP;
    }
    if (seven.ebx & CPUID7_EBX_SMAP) {
        cr4 |= CR4_SMAP;
        boot_info.features |= BOOT_FEATURE_SMAP;
    }
    if (seven.ecx & CPUID7_ECX_UMIP)
        cr4 |= CR4_UMIP;
    return cr4;
}

static uint64_t cr4_value;

void feature_cpu_init(void)
{
    cr0_write(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE);
    cr4_write(cr4_value);
    msr_write(MSR_PAT, PAT_VALUE);
}

void feature_init(void)
{
    if (!(cpuid(1, 0).edx & CPUID1_EDX_PAT))
        panic("this processor has no page attribute table");
    cr4_value = feature_cr4();
    feature_cpu_init();
    if (cpuid(0x80000000, 0).eax >= 0x80000007 && cpuid(0x80000007, 0).edx & CPUIDX7_EDX_ITSC)
        boot_info.features |= BOOT_FEATURE_INVARIANT_TSC;
#ifdef DEBUG
    boot_info.features |= BOOT_FEATURE_DEBUG;
#endif
}
