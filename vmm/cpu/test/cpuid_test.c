/* SPDX-License-Identifier: MIT */
/*
 * The CPUID policy over made-up host that announces everything, and over the machine at hand.
 */
#include <cpuid.h>

#include "test/check.h"
#include "vmm/cpu/cpuid.h"

static struct cpuid_registers vendor_amd = {.ebx = 0x68747541, .edx = 0x69746e65, .ecx = 0x444d4163};

/* A host with every bit of every leaf set, and a plausible XSAVE layout. */
static struct cpuid_registers full_query(void *context, uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_registers all = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    static const struct cpuid_registers components[] = {
        [2] = {256, 576, 0, 0}, [5] = {64, 1088, 0, 0}, [6] = {512, 1152, 0, 0}, [7] = {1024, 1664, 2, 0}};
    if (leaf == 0 || leaf == 0x80000000) {
        all = *(struct cpuid_registers *)context;
        all.eax = leaf + 0x20;
    } else if (leaf == 0xd && subleaf >= 2) {
        return subleaf < 8 ? components[subleaf] : (struct cpuid_registers){0};
    }
    return all;
}

static struct cpuid_registers real_query(void *context, uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_registers out;
    (void)context;
    __cpuid_count(leaf, subleaf, out.eax, out.ebx, out.ecx, out.edx);
    return out;
}

static const struct cpuid_host amd = {&vendor_amd, full_query};
static const struct cpuid_host real = {NULL, real_query};

static struct cpuid_policy policy = {
    .cpu_count = 3,
    .tsc_khz = 2500000,
    .apic_khz = 25000,
    .xcr0_allowed = 0xe7,
    .tsc_deadline = true,
    .tsc_invariant = true,
    .kvmclock = true,
    .pv_eoi = true,
};

static struct cpuid_registers ask(const struct cpuid_host *host, uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_state state = {.cpu_index = 2, .cr4 = 1 << 18, .xcr0 = 7};
    return cpuid_answer(&policy, &state, leaf, subleaf, host);
}

static void test_refused_features(void)
{
    CASE("features that need help are absent");
    struct cpuid_registers one = ask(&amd, 1, 0), seven = ask(&amd, 7, 0),
                           extended = ask(&amd, 0x80000001, 0);
    CHECK_EQ(one.ecx & (1 << 3 | 1 << 5 | 1 << 15 | 1 << 17 | 1 << 21), 0); /* MONITOR VMX PDCM PCID x2APIC */
    CHECK_EQ(one.edx & (1 << 7 | 1 << 14 | 1 << 22), 0);                    /* MCE MCA ACPI */
    CHECK_EQ(seven.ebx & (1 << 10 | 1 << 1 | 1 << 4 | 1 << 11), 0);         /* INVPCID TSC_ADJUST HLE RTM */
    CHECK_EQ(seven.ecx & (1 << 3 | 1 << 16 | 1 << 22), 0);                  /* PKU LA57 RDPID */
    CHECK_EQ(seven.edx & (7u << 26 | 1u << 29 | 1u << 31), 0); /* SPEC_CTRL STIBP ARCH_CAP SSBD */
    CHECK_EQ(extended.ecx & (1 << 2 | 1 << 3 | 1 << 10 | 1 << 22 | 1 << 23 | 1 << 29), 0); /* SVM .. MWAITX */
    CHECK_EQ(extended.edx & 1 << 27, 0);                                                   /* RDTSCP */
    CHECK_EQ(ask(&amd, 5, 0).ecx, 0);
    CHECK_EQ(ask(&amd, 0xa, 0).eax, 0);
    CHECK_EQ(ask(&amd, 0x8000000a, 0).edx, 0);
    CHECK_EQ(ask(&amd, 0x8000001f, 0).eax, 0);
    CHECK_EQ(ask(&amd, 0x20, 0).eax, 0);

    CASE("those that work by themselves stay");
    CHECK_EQ(one.edx, 0x178bbb7f);
    CHECK(one.ecx & 1u << 31);
    CHECK(one.ecx & 1 << 24);
    CHECK(one.ecx & 1 << 28);
    CHECK(one.ecx & 1 << 27);
    CHECK_EQ(one.ebx >> 16, 0x0203);
    CHECK_EQ(seven.ebx & (1 << 5 | 1 << 7 | 1 << 20), 1 << 5 | 1 << 7 | 1 << 20);
    CHECK_EQ(ask(&amd, 0x80000007, 0).edx, 1 << 8);
    CHECK_EQ(ask(&amd, 0, 0).eax, 0xd);
    CHECK_EQ(ask(&amd, 4, 0).eax, 0);
    CHECK_EQ(ask(&amd, 0x15, 0).eax, 0);
    CHECK_EQ(ask(&amd, 0x80000000, 0).eax, 0x80000008);
}

static void test_switches(void)
{
    CASE("policy switches");
    struct cpuid_policy before = policy;
    policy.tsc_deadline = policy.tsc_invariant = policy.kvmclock = policy.pv_eoi = false;
    policy.x2apic = policy.tsc_adjust = policy.tsc_aux = true;
    CHECK_EQ(ask(&amd, 1, 0).ecx & (1 << 24 | 1 << 21), 1 << 21);
    CHECK(ask(&amd, 7, 0).ebx & 1 << 1);
    CHECK(ask(&amd, 7, 0).ecx & 1 << 22);
    CHECK(ask(&amd, 0x80000001, 0).edx & 1 << 27);
    CHECK_EQ(ask(&amd, 0x80000007, 0).edx, 0);
    CHECK_EQ(ask(&amd, CPUID_KVM_FEATURES, 0).eax, CPUID_KVM_NOP_IO_DELAY);
    policy = before;

    CASE("OSXSAVE follows CR4");
    struct cpuid_state state = {.xcr0 = 1};
    CHECK_EQ(cpuid_answer(&policy, &state, 1, 0, &amd).ecx & 1 << 27, 0);
}

static void test_xsave(void)
{
    struct cpuid_policy before = policy;
    CASE("XSAVE sizes follow the offsets");
    CHECK_EQ(ask(&amd, 0xd, 0).eax, 0xe7);
    CHECK_EQ(ask(&amd, 0xd, 0).edx, 0);
    CHECK_EQ(ask(&amd, 0xd, 0).ebx, 576 + 256); /* XCR0 is 7 */
    CHECK_EQ(ask(&amd, 0xd, 0).ecx, 2688);
    CHECK_EQ(ask(&amd, 0xd, 1).eax, 7);
    CHECK_EQ(ask(&amd, 0xd, 1).ebx, 832);
    CHECK_EQ(ask(&amd, 0xd, 2).ebx, 576);
    CHECK_EQ(ask(&amd, 0xd, 3).eax, 0);
    CHECK_EQ(ask(&amd, 0xd, 9).eax, 0);

    CASE("without AVX, everything that needs it is gone");
    policy.xcr0_allowed = 3;
    CHECK_EQ(ask(&amd, 0xd, 0).eax, 3);
    CHECK_EQ(ask(&amd, 0xd, 0).ecx, 576);
    CHECK_EQ(ask(&amd, 0xd, 2).eax, 0);
    CHECK_EQ(ask(&amd, 1, 0).ecx & (1 << 28 | 1 << 12 | 1 << 29), 0);
    CHECK_EQ(ask(&amd, 7, 0).ebx & (1u << 5 | 1u << 16 | 1u << 31), 0);
    CHECK_EQ(ask(&amd, 7, 1).eax, 0);
    CHECK_EQ(ask(&amd, 0x80000001, 0).ecx & (1 << 11 | 1 << 16), 0);

    CASE("AVX-512 is whole or absent, and nothing without SSE");
    policy.xcr0_allowed = 0x67;
    CHECK_EQ(ask(&amd, 0xd, 0).eax, 7);
    policy.xcr0_allowed = 0xe3;
    CHECK_EQ(ask(&amd, 0xd, 0).eax, 3);
    policy.xcr0_allowed = 0;
    CHECK_EQ(ask(&amd, 1, 0).ecx & (3 << 26), 0);
    CHECK_EQ(ask(&amd, 0xd, 0).eax, 0);
    policy = before;

    CASE("values for XCR0");
    CHECK(cpuid_xcr0_valid(&policy, &amd, 1) && cpuid_xcr0_valid(&policy, &amd, 7));
    CHECK(cpuid_xcr0_valid(&policy, &amd, 0xe7));
    CHECK(!cpuid_xcr0_valid(&policy, &amd, 0) && !cpuid_xcr0_valid(&policy, &amd, 5));
    CHECK(!cpuid_xcr0_valid(&policy, &amd, 0x27) && !cpuid_xcr0_valid(&policy, &amd, 0x207));
}

static void test_topology(void)
{
    CASE("three CPUs in one package");
    struct cpuid_registers smt = ask(&amd, 0xb, 0), core = ask(&amd, 0xb, 1), end = ask(&amd, 0xb, 2);
    CHECK_EQ(smt.eax, 0);
    CHECK_EQ(smt.ebx, 1);
    CHECK_EQ(smt.ecx, 0x100);
    CHECK_EQ(core.eax, 2);
    CHECK_EQ(core.ebx, 3);
    CHECK_EQ(core.ecx, 0x201);
    CHECK_EQ(core.edx, 2);
    CHECK_EQ(end.ebx, 0);
    CHECK_EQ(end.ecx, 2);
    CHECK_EQ(ask(&amd, 0x80000008, 0).ecx, 2 << 12 | 2);
}

static void test_hypervisor_leaves(void)
{
    CASE("KVM's leaves");
    struct cpuid_registers base = ask(&amd, CPUID_KVM_BASE, 0);
    char signature[13] = {0};
    memcpy(signature, &base.ebx, 4);
    memcpy(signature + 4, &base.ecx, 4);
    memcpy(signature + 8, &base.edx, 4);
    CHECK_MEM(signature, "KVMKVMKVM\0\0\0", 12);
    CHECK_EQ(base.eax, CPUID_KVM_TIMING);
    CHECK_EQ(ask(&amd, CPUID_KVM_FEATURES, 0).eax, 0x0100004b);
    CHECK_EQ(ask(&amd, CPUID_KVM_TIMING, 0).eax, 2500000);
    CHECK_EQ(ask(&amd, CPUID_KVM_TIMING, 0).ebx, 25000);
    CHECK_EQ(ask(&amd, 0x40000005, 0).eax, 0);
    CHECK_EQ(ask(&amd, 0x40000011, 0).eax, 0);
}

static void test_real_host(void)
{
    CASE("never more than the machine at hand has");
    uint32_t leaves[] = {1, 7, 0x80000001};
    for (unsigned i = 0; i < 3; i++) {
        struct cpuid_registers ours = ask(&real, leaves[i], 0), host = real_query(NULL, leaves[i], 0);
        uint32_t ecx_own = leaves[i] == 1 ? 1u << 31 | 1 << 24 | 1 << 27 : 2,
                 edx_own = leaves[i] == 1 ? 1u << 28 : 0;
        CHECK_EQ(ours.ecx & ~host.ecx & ~ecx_own, 0);
        CHECK_EQ(ours.edx & ~host.edx & ~edx_own, 0);
        CHECK_EQ(leaves[i] == 7 ? ours.ebx & ~host.ebx : 0, 0);
    }
}

int main(void)
{
    test_refused_features();
    test_switches();
    test_xsave();
    test_topology();
    test_hypervisor_leaves();
    test_real_host();
    return check_finish();
}
