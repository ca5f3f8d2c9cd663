/* SPDX-License-Identifier: MIT */
/*
 * Case: the local APIC's x2APIC mode. Registers are MSRs, reserved bits fault, and only switching off leads back.
 */
#include "test/guest/cases.h"

enum {
    BASE_ENABLE = 1 << 11,
    BASE_EXTENDED = 1 << 10,
    MSR_ID = 0x802,
    MSR_VERSION = 0x803,
    MSR_EOI = 0x80b,
    MSR_LDR = 0x80d,
    MSR_SVR = 0x80f,
    MSR_ICR = 0x830,
    MSR_SELF = 0x83f,
};

static bool msr_faults(uint32_t index, uint64_t value)
{
    TRAP_TRY("movl %k0, %%eax\n\tmovl %k1, %%edx\n\tmovl %k2, %%ecx\n\twrmsr", "r"((uint32_t)value),
             "r"((uint32_t)(value >> 32)), "r"(index));
    return trap_last.vector == 13;
}

static void end(struct trap_frame *frame)
{
    (void)frame;
    wrmsr(MSR_EOI, 0);
}

static enum outcome in_extended_mode(uint32_t id, uint64_t base)
{
    EXPECT_EQ(rdmsr(MSR_ID), id);
    EXPECT_EQ(rdmsr(MSR_LDR), (uint64_t)(id >> 4) << 16 | 1u << (id & 15));
    EXPECT_EQ(rdmsr(MSR_SVR) & 0x1ff, 0x100 | VECTOR_SPURIOUS);
    EXPECT((rdmsr(MSR_VERSION) & 0xff) >= 0x10);
    EXPECT(msr_faults(MSR_EOI, 1));
    EXPECT(msr_faults(MSR_SVR, 1ul << 40));
    EXPECT(msr_faults(MSR_ID, 0));
    EXPECT(msr_faults(MSR_APIC_BASE, base));
    trap_hook[VECTOR_MIDDLE] = trap_hook[VECTOR_HIGH] = end;
    wrmsr(MSR_SELF, VECTOR_MIDDLE);
    wrmsr(MSR_ICR, (uint64_t)id << 32 | VECTOR_HIGH);
    EXPECT_EQ(rdmsr(0x820 + VECTOR_MIDDLE / 32), 1ul << VECTOR_MIDDLE % 32);
    EXPECT(wait_for(&trap_log_length, 2, 1000));
    EXPECT_EQ(trap_log[0], VECTOR_HIGH);
    EXPECT_EQ(trap_log[1], VECTOR_MIDDLE);
    return OUTCOME_OK;
}

enum outcome case_x2apic(void)
{
    if (!(cpuid(1, 0).ecx & 1u << 21))
        return case_skip("the processor has no x2APIC mode");
    uint32_t id = lapic_read(LAPIC_ID) >> 24;
    uint64_t base = rdmsr(MSR_APIC_BASE);
    EXPECT(msr_faults(MSR_APIC_BASE, (base & ~(uint64_t)BASE_ENABLE) | BASE_EXTENDED));
    EXPECT(msr_faults(MSR_SELF, VECTOR_MIDDLE));
    wrmsr(MSR_APIC_BASE, base | BASE_EXTENDED);
    enum outcome outcome = in_extended_mode(id, base);
    wrmsr(MSR_APIC_BASE, base & ~(uint64_t)BASE_ENABLE & ~(uint64_t)BASE_EXTENDED);
    uint32_t disabled = lapic_read(LAPIC_VERSION);
    wrmsr(MSR_APIC_BASE, base);
    platform_init();
    if (outcome == OUTCOME_OK)
        EXPECT_EQ(disabled, 0xffffffff);
    return outcome;
}
