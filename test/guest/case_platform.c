/* SPDX-License-Identifier: MIT */
/*
 * Cases: what the loader and the firmware tables tell, and what CPUID says about the machine.
 */
#include "test/guest/cases.h"

extern char guest_end[];

enum outcome case_start_info(void)
{
    EXPECT_EQ(start_info.magic, 0x336ec578);
    EXPECT(start_info.version >= 1);
    EXPECT_EQ(start_info.flags, 0);
    EXPECT(start_info.range_count > 0);
    for (uint32_t i = 0; i < start_info.range_count; i++) {
        const struct memory_range *range = &start_info.ranges[i];
        EXPECT(range->size > 0);
        EXPECT(range->base + range->size > range->base);
        EXPECT(range->type >= 1 && range->type <= 7);
        EXPECT(i == 0 || range->base >= range[-1].base + range[-1].size);
    }
    EXPECT(memory_is_ram(0x100000, (uint64_t)guest_end - 0x100000));
    EXPECT(!memory_is_ram(lapic_base, 4096));
    EXPECT(!memory_is_ram(ioapic_base, 4096));
    /* the ends of RAM below 4 GiB can be written and read */
    for (uint32_t i = 0; i < start_info.range_count; i++) {
        const struct memory_range *range = &start_info.ranges[i];
        if (range->type != 1 || range->base < 0x100000 || range->base + range->size > 1ul << 32)
            continue;
        volatile uint64_t *last = (volatile uint64_t *)((range->base + range->size - 8) & ~7ul);
        uint64_t old = *last;
        *last = 0x1122334455667788;
        EXPECT_EQ(*last, 0x1122334455667788);
        *last = old;
    }
    return OUTCOME_OK;
}

enum outcome case_acpi_tables(void)
{
    EXPECT(acpi.rsdp != 0);
    EXPECT(acpi_sum_is_zero(acpi.rsdp, 20));
    EXPECT_EQ(acpi.bad_tables, 0);
    EXPECT(acpi.tables >= 4); /* root, FADT, DSDT, MADT */
    EXPECT(acpi.has_fadt && acpi.has_dsdt && acpi.has_madt);
    EXPECT(acpi.has_sleep_type);
    EXPECT(acpi.pm1_control_port || acpi.sleep_control_port);
    EXPECT(acpi.lapic_count >= 1);
    EXPECT_EQ(acpi.lapic_address, lapic_base);
    EXPECT(acpi.ioapic_address != 0);
    EXPECT_EQ(ioapic_read(0) >> 28, 0); /* ID register: reserved bits */
    EXPECT((ioapic_read(1) >> 16 & 0xff) >= 15);
    return OUTCOME_OK;
}

enum outcome case_cpuid_basic(void)
{
    struct cpuid_result leaf0 = cpuid(0, 0), leaf1 = cpuid(1, 0);
    EXPECT(leaf0.eax >= 1 && leaf0.eax < 0x100);
    EXPECT(leaf0.ebx && leaf0.ecx && leaf0.edx);
    EXPECT(leaf1.edx & 1 << 0);  /* FPU */
    EXPECT(leaf1.edx & 1 << 4);  /* TSC */
    EXPECT(leaf1.edx & 1 << 5);  /* MSR */
    EXPECT(leaf1.edx & 1 << 6);  /* PAE */
    EXPECT(leaf1.edx & 1 << 9);  /* APIC */
    EXPECT(leaf1.edx & 1 << 26); /* SSE2 */
    EXPECT_EQ(leaf1.ebx >> 24, lapic_read(LAPIC_ID) >> 24);
    EXPECT(cpuid(0x80000000, 0).eax >= 0x80000001);
    EXPECT(cpuid(0x80000001, 0).edx & 1 << 29); /* long mode */
    EXPECT(cpuid(0x80000001, 0).edx & 1 << 20); /* NX, which start.S has switched on */
    if (cpuid(0x80000000, 0).eax >= 0x80000008) {
        uint32_t widths = cpuid(0x80000008, 0).eax;
        EXPECT((widths & 0xff) >= 32 && (widths & 0xff) <= 52);
        EXPECT((widths >> 8 & 0xff) == 48 || (widths >> 8 & 0xff) == 57);
    }
    /* outputs are 32 bits wide and clear the upper halves */
    uint64_t rax = 0, rbx = ~0ul, rcx = 0xffffffff00000000, rdx = ~0ul;
    asm volatile("cpuid" : "+a"(rax), "+b"(rbx), "+c"(rcx), "+d"(rdx));
    EXPECT_EQ(rax | rbx | rcx | rdx, leaf0.eax | leaf0.ebx | leaf0.ecx | leaf0.edx);
    return OUTCOME_OK;
}

static bool is_kvm(void)
{
    struct cpuid_result leaf = cpuid(0x40000000, 0);
    return leaf.ebx == 0x4b4d564b && leaf.ecx == 0x564b4d56 && leaf.edx == 0x4d; /* "KVMKVMKVM" */
}

enum outcome case_cpuid_hypervisor(void)
{
    if (!(cpuid(1, 0).ecx >> 31))
        return case_skip("no hypervisor bit");
    EXPECT(cpuid(0x40000000, 0).eax == 0 || cpuid(0x40000000, 0).eax >= 0x40000000);
    if (!is_kvm())
        return case_skip("no KVM signature");
    EXPECT(cpuid(0x40000000, 0).eax == 0 || cpuid(0x40000000, 0).eax >= 0x40000001);
    if (cpuid(0x40000000, 0).eax >= 0x40000010) {
        uint64_t told = cpuid(0x40000010, 0).eax;
        EXPECT(told > tsc_khz / 10 * 9 && told < tsc_khz / 10 * 11);
    }
    return OUTCOME_OK;
}

/* Leaf 0xD describes the XSAVE area: sizes must cover every component that can be enabled. */
enum outcome case_cpuid_xsave(void)
{
    if (!(cpuid(1, 0).ecx & 1 << 26))
        return case_skip("no XSAVE");
    EXPECT(cpuid(0, 0).eax >= 0xd);
    struct cpuid_result main_leaf = cpuid(0xd, 0);
    EXPECT_EQ(main_leaf.eax & 3, 3);
    EXPECT(main_leaf.ebx >= 576 && main_leaf.ecx >= main_leaf.ebx);
    bool avx = cpuid(1, 0).ecx & 1 << 28;
    EXPECT_EQ(main_leaf.eax >> 2 & 1, avx);
    uint32_t needed = 576;
    for (unsigned i = 2; i < 32; i++) {
        struct cpuid_result component = cpuid(0xd, i);
        if (!(main_leaf.eax >> i & 1)) {
            continue;
        }
        EXPECT(component.eax > 0 && component.ebx >= 576);
        if (component.ebx + component.eax > needed)
            needed = component.ebx + component.eax;
    }
    EXPECT_EQ(main_leaf.ecx, needed);
    return OUTCOME_OK;
}

struct kvm_clock {
    uint32_t version, padding;
    uint64_t tsc_timestamp, system_time;
    uint32_t multiplier;
    int8_t shift;
    uint8_t flags, reserved[2];
};
_Static_assert(sizeof(struct kvm_clock) == 32, "layout is fixed by the KVM interface");

static uint64_t kvm_clock_ns(const volatile struct kvm_clock *clock)
{
    uint64_t ns;
    uint32_t version;
    do {
        version = clock->version & ~1u;
        asm volatile("" : : : "memory");
        uint64_t delta = rdtsc() - clock->tsc_timestamp;
        delta = clock->shift < 0 ? delta >> -clock->shift : delta << clock->shift;
        ns = clock->system_time + (uint64_t)((unsigned __int128)delta * clock->multiplier >> 32);
        asm volatile("" : : : "memory");
    } while (version != clock->version);
    return ns;
}

enum outcome case_clock_kvm(void)
{
    static struct kvm_clock clock __attribute__((aligned(32)));
    if (!is_kvm() || !(cpuid(0x40000001, 0).eax & 1 << 3))
        return case_skip("no kvmclock");
    wrmsr(MSR_KVM_SYSTEM_TIME, (uint64_t)&clock | 1);
    EXPECT(clock.version != 0 && clock.version % 2 == 0);
    EXPECT(clock.multiplier != 0);
    uint64_t first = kvm_clock_ns(&clock), last = first;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t now = kvm_clock_ns(&clock);
        EXPECT(now >= last);
        last = now;
    }
    uint64_t ns, by_tsc;
    unsigned tries = 5; /* a pause of the emulator between two readings spoils one */
    do {
        uint64_t tsc = rdtsc(), before = kvm_clock_ns(&clock);
        time_delay_us(20000);
        ns = kvm_clock_ns(&clock) - before;
        by_tsc = (rdtsc() - tsc) * 1000 / tsc_khz * 1000;
    } while (--tries && (ns <= by_tsc / 10 * 8 || ns >= by_tsc / 10 * 12));
    EXPECT(ns > by_tsc / 10 * 8);
    EXPECT(ns < by_tsc / 10 * 12);
    wrmsr(MSR_KVM_SYSTEM_TIME, 0);

    static struct {
        uint32_t version, seconds, nanoseconds;
    } wall __attribute__((aligned(16)));
    wrmsr(MSR_KVM_WALL_CLOCK, (uint64_t)&wall);
    EXPECT(wall.version % 2 == 0);
    EXPECT(wall.nanoseconds < 1000000000);
    return OUTCOME_OK;
}
