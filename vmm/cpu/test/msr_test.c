/* SPDX-License-Identifier: MIT */
/*
 * The MSR table: owners, conditions, reserved bits, and that no index whatever does harm.
 */
#include "test/check.h"
#include "vmm/cpu/msr.h"

static const struct cpuid_policy amd = {.tsc_deadline = true, .kvmclock = true, .microcode = 0x8001230};
static const struct cpuid_policy other = {
    .x2apic = true, .tsc_adjust = true, .tsc_aux = true, .microcode = 7};
static struct msr_state state;

static uint64_t read_done(const struct cpuid_policy *policy, uint32_t index)
{
    uint64_t value = 0xdead;
    CHECK_EQ(msr_read(policy, &state, index, &value), MSR_DONE);
    return value;
}

static enum msr_answer read_answer(const struct cpuid_policy *policy, uint32_t index)
{
    uint64_t value = 0xdead;
    enum msr_answer answer = msr_read(policy, &state, index, &value);
    CHECK((answer == MSR_DONE) == (value != 0xdead));
    return answer;
}

static void test_owners(void)
{
    CASE("registers of others are named");
    CHECK_EQ(read_answer(&amd, 0xc0000080), MSR_VCPU);
    CHECK_EQ(msr_write(&amd, &state, 0xc0000102, 5), MSR_VCPU);
    CHECK_EQ(read_answer(&amd, MSR_IA32_PAT), MSR_VCPU);
    CHECK_EQ(read_answer(&amd, 0x175), MSR_VCPU);
    CHECK_EQ(read_answer(&amd, MSR_IA32_APIC_BASE), MSR_APIC);
    CHECK_EQ(read_answer(&amd, MSR_IA32_TSC), MSR_TSC);
    CHECK_EQ(msr_write(&amd, &state, MSR_IA32_TSC_DEADLINE, 1), MSR_APIC);
    CHECK_EQ(msr_write(&amd, &state, MSR_KVM_SYSTEM_TIME_NEW, 1), MSR_CLOCK);
    CHECK_EQ(msr_write(&amd, &state, MSR_KVM_WALL_CLOCK, 1), MSR_CLOCK);

    CASE("what CPUID does not announce faults");
    CHECK_EQ(read_answer(&amd, 0x802), MSR_FAULT);
    CHECK_EQ(read_answer(&other, 0x802), MSR_APIC);
    CHECK_EQ(read_answer(&other, MSR_IA32_TSC_DEADLINE), MSR_FAULT);
    CHECK_EQ(read_answer(&other, MSR_IA32_TSC_ADJUST), MSR_TSC);
    CHECK_EQ(read_answer(&amd, MSR_IA32_TSC_ADJUST), MSR_FAULT);
    CHECK_EQ(read_answer(&amd, 0xc0000103), MSR_FAULT);
    CHECK_EQ(read_answer(&other, 0xc0000103), MSR_VCPU);
    CHECK_EQ(msr_write(&amd, &state, 0x4b564d02, 1), MSR_FAULT);
    CHECK_EQ(msr_write(&other, &state, MSR_KVM_SYSTEM_TIME, 1), MSR_FAULT);
    CHECK_EQ(read_answer(&amd, 0x48), MSR_FAULT);

    CASE("the table is sorted: all of its entries are found");
    static const uint32_t some[] = {0x10,       0x8b,       0xfe,       0x179,      0x26f,      0x2ff,
                                    0xda0,      0x4b564dff, 0xc0000084, 0xc0010010, 0xc0010058, 0xc001011f,
                                    0xc0010141, 0xc0011029, 0xc001102e, 0xc001103d};
    for (unsigned i = 0; i < sizeof some / sizeof *some; i++)
        CHECK(read_answer(&amd, some[i]) != MSR_UNKNOWN);

    CASE("what nobody thought of is unknown");
    CHECK_EQ(read_answer(&amd, 0x12345678), MSR_UNKNOWN);
    CHECK_EQ(msr_write(&amd, &state, UINT32_MAX, 0), MSR_UNKNOWN);
}

static void test_values(void)
{
    CASE("values after reset");
    CHECK_EQ(read_done(&amd, 0xfe), 0x508);
    CHECK_EQ(read_done(&amd, 0x2ff), 0x806);
    CHECK_EQ(read_done(&amd, 0x179), 0);
    CHECK_EQ(read_done(&amd, 0x8b), 0x8001230);
    CHECK_EQ(read_done(&other, 0x8b), 7);
    CHECK_EQ(read_done(&amd, 0xc0011029), 2);

    CASE("memory-like registers keep what is written, each in its place");
    for (uint32_t i = 0; i < 16; i++)
        CHECK_EQ(msr_write(&amd, &state, 0x200 + i, 0x1000 * i + 6), MSR_DONE);
    static const uint32_t fixed[] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                     0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
    for (uint32_t i = 0; i < 11; i++)
        CHECK_EQ(msr_write(&amd, &state, fixed[i], i % 2 ? 0x0606060606060606 : 0x0101010101010101),
                 MSR_DONE);
    for (uint32_t i = 0; i < 16; i++)
        CHECK_EQ(read_done(&amd, 0x200 + i), 0x1000 * i + 6);
    for (uint32_t i = 0; i < 11; i++)
        CHECK_EQ(read_done(&amd, fixed[i]), i % 2 ? 0x0606060606060606 : 0x0101010101010101);
    CHECK_EQ(read_done(&amd, 0x2ff), 0x806);
    CHECK_EQ(read_done(&amd, 0xc0011029), 2);

    CASE("reserved bits, wrong memory types and constants fault");
    CHECK_EQ(msr_write(&amd, &state, 0x250, 0x0202020202020202), MSR_FAULT);
    CHECK_EQ(msr_write(&amd, &state, 0x200, UINT64_MAX), MSR_FAULT);
    CHECK_EQ(msr_write(&amd, &state, 0x2ff, 0x10000), MSR_FAULT);
    CHECK_EQ(msr_write(&amd, &state, 0xfe, 0), MSR_FAULT);
    CHECK_EQ(msr_write(&other, &state, 0x8b, 0), MSR_DONE);
    CHECK(msr_pat_valid(0x0007040600070406));
    CHECK(!msr_pat_valid(0x0007040600070402));
    CHECK(!msr_pat_valid(0x0807040600070406));
}

/* Every index: no crash, no write beyond the slots, and reads after writes agree with what write said. */
static void test_sweep(void)
{
    static const uint32_t bases[] = {0, 0x4b564c00, 0xc0000000, 0xc0010000};
    CASE("a sweep over all ranges");
    unsigned done = 0;
    for (unsigned i = 0; i < 4; i++) {
        for (uint32_t index = bases[i]; index < bases[i] + 0x2000; index++) {
            uint64_t value = 0;
            for (unsigned second = 0; second < 2; second++) {
                const struct cpuid_policy *policy = second ? &other : &amd;
                enum msr_answer answer = msr_read(policy, &state, index, &value);
                enum msr_answer written = msr_write(policy, &state, index, value);
                CHECK(written == answer || (answer == MSR_DONE && written == MSR_FAULT));
                done += answer == MSR_DONE;
            }
        }
    }
    CHECK(done > 60);
}

int main(void)
{
    msr_state_reset(&state);
    test_owners();
    test_values();
    test_sweep();
    return check_finish();
}
