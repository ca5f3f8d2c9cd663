/* SPDX-License-Identifier: MIT */
/*
 * One function a leaf that needs more than passing on or clearing. See cpuid.h for the policy, cpuid_bits.h for the lists.
 */
#include "vmm/cpu/cpuid.h"

#include "vmm/cpu/cpuid_bits.h"

enum {
    BASIC_LEAF_MAX = 0xd,
    XSAVE_LEGACY_SIZE = 576, /* legacy area and header */
    XSAVE_COMPONENTS = 63,
    TOPOLOGY_SMT = 1,
    TOPOLOGY_CORE = 2,
};
#define EXTENDED_LEAF_MAX 0x80000008u
#define CR4_OSXSAVE       (UINT64_C(1) << 18)

struct query {
    const struct cpuid_policy *policy;
    const struct cpuid_state *state;
    const struct cpuid_host *host;
    uint32_t leaf, subleaf;
};

static struct cpuid_registers host_query(const struct cpuid_host *host, uint32_t leaf, uint32_t subleaf)
{
    return host->query(host->context, leaf, subleaf);
}

static struct cpuid_registers host_same(const struct query *query)
{
    return host_query(query->host, query->leaf, query->subleaf);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Bits needed to number the virtual CPUs. */
static unsigned index_bits(const struct cpuid_policy *policy)
{
    unsigned bits = 0;
    while (1u << bits < policy->cpu_count)
        bits++;
    return bits;
}

/* The XCR0 bits that guests can use: allowed, on the host, and without holes (AVX needs SSE, AVX-512 needs AVX). */
static uint64_t xcr0_offered(const struct cpuid_policy *policy, const struct cpuid_host *host)
{
    if (!(host_query(host, 1, 0).ecx & ECX1_XSAVE) || host_query(host, 0, 0).eax < 0xd)
        return 0;
    struct cpuid_registers leaf = host_query(host, 0xd, 0);
    uint64_t both = ((uint64_t)leaf.edx << 32 | leaf.eax) & policy->xcr0_allowed;
    uint64_t legacy = CPUID_XCR0_X87 | CPUID_XCR0_SSE;
    if ((both & legacy) != legacy)
        return 0;
    if (!(both & CPUID_XCR0_AVX) || (both & CPUID_XCR0_AVX512) != CPUID_XCR0_AVX512)
        both &= ~(uint64_t)CPUID_XCR0_AVX512;
    return both & (legacy | CPUID_XCR0_AVX | CPUID_XCR0_AVX512);
}

bool cpuid_xcr0_valid(const struct cpuid_policy *policy, const struct cpuid_host *host, uint64_t xcr0)
{
    uint64_t avx512 = xcr0 & CPUID_XCR0_AVX512;
    if (xcr0 & ~xcr0_offered(policy, host) || !(xcr0 & CPUID_XCR0_X87))
        return false;
    if (xcr0 & CPUID_XCR0_AVX && !(xcr0 & CPUID_XCR0_SSE))
        return false;
    return avx512 == 0 || (avx512 == CPUID_XCR0_AVX512 && xcr0 & CPUID_XCR0_AVX);
}

static struct cpuid_registers leaf_1(const struct query *query)
{
    const struct cpuid_policy *policy = query->policy;
    struct cpuid_registers host = host_same(query);
    uint64_t xcr0 = xcr0_offered(policy, query->host);
    struct cpuid_registers answer = {
        .eax = host.eax,
        .ebx = (host.ebx & 0xff00) | (policy->cpu_count & 0xff) << 16 | query->state->cpu_index << 24,
        .ecx = (host.ecx & ECX1_ALLOWED) | ECX1_HYPERVISOR,
        .edx = host.edx & EDX1_ALLOWED,
    };
    answer.ecx |= policy->x2apic ? ECX1_X2APIC : 0;
    answer.ecx |= policy->tsc_deadline ? ECX1_TSC_DEADLINE : 0;
    answer.edx |= policy->cpu_count > 1 ? EDX1_HTT : 0;
    if (!(xcr0 & CPUID_XCR0_AVX))
        answer.ecx &= ~ECX1_NEED_AVX;
    if (xcr0 == 0)
        answer.ecx &= ~ECX1_XSAVE;
    else if (query->state->cr4 & CR4_OSXSAVE)
        answer.ecx |= ECX1_OSXSAVE;
    return answer;
}

static struct cpuid_registers leaf_7(const struct query *query)
{
    uint64_t xcr0 = xcr0_offered(query->policy, query->host);
    bool avx = xcr0 & CPUID_XCR0_AVX, avx512 = xcr0 & CPUID_XCR0_AVX512;
    struct cpuid_registers host = host_same(query);
    if (query->subleaf == 1) {
        uint32_t features = host.eax & EAX71_ALLOWED;
        features &= ~((avx ? 0 : EAX71_AVX) | (avx512 ? 0 : EAX71_AVX512));
        return (struct cpuid_registers){.eax = features};
    }
    if (query->subleaf != 0)
        return (struct cpuid_registers){0};
    struct cpuid_registers answer = {
        .eax = smaller(host.eax, 1),
        .ebx = host.ebx & EBX7_ALLOWED & ~((avx ? 0 : EBX7_AVX2) | (avx512 ? 0 : EBX7_AVX512)),
        .ecx = host.ecx & ECX7_ALLOWED & ~((avx ? 0 : ECX7_NEED_AVX) | (avx512 ? 0 : ECX7_AVX512)),
        .edx = host.edx & EDX7_ALLOWED & ~(avx512 ? 0 : EDX7_AVX512),
    };
    answer.ebx |= query->policy->tsc_adjust ? EBX7_TSC_ADJUST : 0;
    answer.ecx |= query->policy->tsc_aux ? host.ecx & ECX7_RDPID : 0;
    return answer;
}

/* Extended topology: one thread a core, all cores in one package. */
static struct cpuid_registers leaf_b(const struct query *query)
{
    struct cpuid_registers answer = {.ecx = query->subleaf & 0xff, .edx = query->state->cpu_index};
    if (query->subleaf == 0) {
        answer.ebx = 1;
        answer.ecx |= TOPOLOGY_SMT << 8;
    } else if (query->subleaf == 1) {
        answer.eax = index_bits(query->policy);
        answer.ebx = query->policy->cpu_count;
        answer.ecx |= TOPOLOGY_CORE << 8;
    }
    return answer;
}

/* Size of the XSAVE area for these components: standard format, where each has its fixed offset, or compacted. */
static uint32_t xsave_size(const struct cpuid_host *host, uint64_t components, bool compacted)
{
    uint32_t size = XSAVE_LEGACY_SIZE;
    for (unsigned i = 2; i < XSAVE_COMPONENTS; i++) {
        if (!(components >> i & 1))
            continue;
        struct cpuid_registers component = host_query(host, 0xd, i);
        uint32_t start = component.ebx;
        if (compacted)
            start = component.ecx & 2 ? (size + 63) & ~63u : size;
        if (start + component.eax > size)
            size = start + component.eax;
    }
    return size;
}

static struct cpuid_registers leaf_d(const struct query *query)
{
    uint64_t offered = xcr0_offered(query->policy, query->host);
    struct cpuid_registers host = host_same(query);
    if (offered == 0)
        return (struct cpuid_registers){0};
    if (query->subleaf == 0)
        return (struct cpuid_registers){
            .eax = (uint32_t)offered,
            .ebx = xsave_size(query->host, query->state->xcr0, false),
            .ecx = xsave_size(query->host, offered, false),
            .edx = (uint32_t)(offered >> 32),
        };
    if (query->subleaf == 1) {
        uint32_t features = host.eax & EAXD1_ALLOWED;
        uint32_t size = features & EAXD1_XSAVEC ? xsave_size(query->host, query->state->xcr0, true) : 0;
        return (struct cpuid_registers){.eax = features, .ebx = size};
    }
    if (query->subleaf < XSAVE_COMPONENTS && offered >> query->subleaf & 1)
        return (struct cpuid_registers){.eax = host.eax, .ebx = host.ebx, .ecx = host.ecx & 2};
    return (struct cpuid_registers){0};
}

static struct cpuid_registers leaf_extended_1(const struct query *query)
{
    struct cpuid_registers host = host_same(query);
    struct cpuid_registers answer = {
        .eax = host.eax,
        .ebx = host.ebx,
        .ecx = host.ecx & ECX81_ALLOWED,
        .edx = host.edx & EDX81_ALLOWED,
    };
    if (!(xcr0_offered(query->policy, query->host) & CPUID_XCR0_AVX))
        answer.ecx &= ~ECX81_NEED_AVX;
    if (query->policy->tsc_aux)
        answer.edx |= host.edx & EDX81_RDTSCP;
    if (query->policy->cpu_count > 1)
        answer.ecx |= ECX81_CMP_LEGACY;
    return answer;
}

/* Address widths, how many cores there are and how many bits of the APIC id number them. */
static struct cpuid_registers leaf_extended_8(const struct query *query)
{
    struct cpuid_registers host = host_same(query);
    return (struct cpuid_registers){
        .eax = host.eax & 0xffff,
        .ebx = host.ebx & EBX88_ALLOWED,
        .ecx = (query->policy->cpu_count - 1) | index_bits(query->policy) << 12,
    };
}

static struct cpuid_registers leaf_kvm(const struct query *query)
{
    const struct cpuid_policy *policy = query->policy;
    uint32_t clock = CPUID_KVM_CLOCKSOURCE | CPUID_KVM_CLOCKSOURCE2 | CPUID_KVM_CLOCKSOURCE_STABLE;
    switch (query->leaf) {
    case CPUID_KVM_BASE: /* "KVMKVMKVM\0\0\0" */
        return (struct cpuid_registers){CPUID_KVM_TIMING, 0x4b4d564b, 0x564b4d56, 0x0000004d};
    case CPUID_KVM_FEATURES:
        return (struct cpuid_registers){.eax = CPUID_KVM_NOP_IO_DELAY | (policy->kvmclock ? clock : 0) |
                                               (policy->pv_eoi ? CPUID_KVM_PV_EOI : 0)};
    case CPUID_KVM_TIMING: return (struct cpuid_registers){.eax = policy->tsc_khz, .ebx = policy->apic_khz};
    default: return (struct cpuid_registers){0};
    }
}

static struct cpuid_registers leaf_extended(const struct query *query)
{
    struct cpuid_registers host = host_same(query);
    switch (query->leaf) {
    case 0x80000000: host.eax = smaller(host.eax, EXTENDED_LEAF_MAX); return host;
    case 0x80000001: return leaf_extended_1(query);
    case 0x80000002: /* brand string */
    case 0x80000003:
    case 0x80000004:
    case 0x80000005: /* caches */
    case 0x80000006: return host;
    case 0x80000007:
        return (struct cpuid_registers){.edx = query->policy->tsc_invariant ? EDX87_INVARIANT_TSC : 0};
    case 0x80000008: return leaf_extended_8(query);
    default: return (struct cpuid_registers){0};
    }
}

static struct cpuid_registers leaf_basic(const struct query *query)
{
    struct cpuid_registers host = host_same(query);
    switch (query->leaf) {
    case 0x0: host.eax = smaller(host.eax, BASIC_LEAF_MAX); return host;
    case 0x1: return leaf_1(query);
    case 0x6: /* no thermal or power interface; but the local APIC's timer never stops (ARAT) */
        return (struct cpuid_registers){.eax = BIT(2)};
    case 0x7: return leaf_7(query);
    case 0xb: return leaf_b(query);
    case 0xd: return leaf_d(query);
    default: return (struct cpuid_registers){0}; /* MONITOR, performance counters, tracing, ... */
    }
}

struct cpuid_registers cpuid_answer(const struct cpuid_policy *policy, const struct cpuid_state *state,
                                    uint32_t leaf, uint32_t subleaf, const struct cpuid_host *host)
{
    struct query query = {policy, state, host, leaf, subleaf};
    if (leaf >= CPUID_KVM_BASE && leaf <= CPUID_KVM_TIMING)
        return leaf_kvm(&query);
    uint32_t base = leaf & 0x80000000;
    uint32_t host_max = host_query(host, base, 0).eax;
    if (leaf > smaller(host_max, base ? EXTENDED_LEAF_MAX : BASIC_LEAF_MAX))
        return (struct cpuid_registers){0};
    return base ? leaf_extended(&query) : leaf_basic(&query);
}
