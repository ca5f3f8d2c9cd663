/* SPDX-License-Identifier: MIT */
/*
 * Cases: clocks and timers: TSC, PIT, and the local APIC timer in its three modes.
 */
#include "test/guest/cases.h"

/* Microseconds of 10 ms by the PM timer, and by the TSC meanwhile. */
static void compare_clocks(uint64_t *us_by_timer, uint64_t *us_by_tsc)
{
    uint32_t mask = acpi.pm_timer_32bit ? 0xffffffff : 0xffffff, passed;
    uint32_t start = inl(acpi.pm_timer_port);
    uint64_t tsc = rdtsc();
    do {
        passed = (inl(acpi.pm_timer_port) - start) & mask;
    } while (passed < PM_TIMER_HZ / 100);
    *us_by_tsc = (rdtsc() - tsc) * 1000 / tsc_khz;
    *us_by_timer = passed * 1000000ul / PM_TIMER_HZ;
}

enum outcome case_clock_tsc(void)
{
    uint64_t last = rdtsc();
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t now = rdtsc();
        EXPECT(now >= last);
        last = now;
    }
    if (!acpi.pm_timer_port)
        return case_skip("no PM timer");
    EXPECT(acpi.pm_timer_32bit || inl(acpi.pm_timer_port) >> 24 == 0);
    /* What time_init measured must hold. A pause of the emulator between two readings spoils a try, not five. */
    uint64_t us_by_timer, us_by_tsc;
    unsigned tries = 5;
    do {
        compare_clocks(&us_by_timer, &us_by_tsc);
    } while (--tries && (us_by_tsc <= us_by_timer / 10 * 8 || us_by_tsc >= us_by_timer / 10 * 12));
    EXPECT(us_by_tsc > us_by_timer / 10 * 8);
    EXPECT(us_by_tsc < us_by_timer / 10 * 12);
    return OUTCOME_OK;
}

/* Counts 10 ms down with the gate open; with the gate shut it must not count at all (mode 0). */
enum outcome case_pit_channel2(void)
{
    enum { TICKS = PIT_HZ / 100 };
    uint8_t control = inb(PORT_SYSTEM_CONTROL) & 0xfc;
    outb(PORT_SYSTEM_CONTROL, control | 1);
    outb(PORT_PIT_COMMAND, 0xb0);
    outb(PORT_PIT_CHANNEL2, TICKS & 0xff);
    outb(PORT_PIT_CHANNEL2, TICKS >> 8);
    uint64_t start = rdtsc(), limit = time_after_ms(2000);
    EXPECT(!(inb(PORT_SYSTEM_CONTROL) & 0x20));
    while (!(inb(PORT_SYSTEM_CONTROL) & 0x20) && !time_passed(limit))
        asm volatile("pause");
    uint64_t us = (rdtsc() - start) * 1000 / tsc_khz;
    EXPECT(inb(PORT_SYSTEM_CONTROL) & 0x20);
    EXPECT(us > 8000);
    outb(PORT_SYSTEM_CONTROL, control);
    EXPECT_EQ(inb(PORT_SYSTEM_CONTROL) & 1, 0);
    return OUTCOME_OK;
}

static uint16_t pit_latched(void)
{
    outb(PORT_PIT_COMMAND, 0);
    uint8_t low = inb(PORT_PIT_CHANNEL0);
    return (uint16_t)(low | inb(PORT_PIT_CHANNEL0) << 8);
}

enum outcome case_pit_counter(void)
{
    pit_start(2, 50000);
    time_delay_us(1000);
    unsigned wraps = 0;
    uint64_t end = time_after_ms(150); /* a period takes 42 ms */
    for (uint16_t last = pit_latched(); !time_passed(end);) {
        uint16_t now = pit_latched();
        EXPECT(now <= 50000);
        if (now > last)
            wraps++;
        last = now;
    }
    EXPECT(wraps >= 1 && wraps <= 8);
    outb(PORT_PIT_COMMAND, 0xe2); /* read back the status of channel 0 */
    EXPECT_EQ(inb(PORT_PIT_CHANNEL0) & 0x3f, 0x34);
    return OUTCOME_OK;
}

/* Ten periods of 2 ms cannot pass in less than eighteen; a late machine may merge some. */
static enum outcome check_pit(uint8_t vector)
{
    uint64_t start = rdtsc();
    pit_start(2, PIT_HZ / 500);
    EXPECT(wait_for(&trap_count[vector], 10, 5000));
    EXPECT((rdtsc() - start) / tsc_khz >= 8);
    return OUTCOME_OK;
}

enum outcome case_pit_pic(void)
{
    lapic_write(LAPIC_LVT_LINT0, LVT_EXTERNAL); /* first: KVM overlooks what is pending when this opens */
    pic_set_mask(0xfffe);
    EXPECT_EQ(inb(PORT_PIC_MASTER + 1), 0xfe);
    enum outcome outcome = check_pit(VECTOR_PIC);
    if (outcome != OUTCOME_OK)
        return outcome;
    pic_set_mask(0xffff);
    interrupts_enable();
    time_delay_us(1000);
    uint32_t seen = trap_count[VECTOR_PIC];
    time_delay_us(10000);
    interrupts_disable();
    EXPECT_EQ(trap_count[VECTOR_PIC], seen); /* masked */
    return OUTCOME_OK;
}

enum outcome case_pit_ioapic(void)
{
    ioapic_route_isa(0, VECTOR_TIMER);
    enum outcome outcome = check_pit(VECTOR_TIMER);
    EXPECT_EQ(trap_count[VECTOR_PIC], 0);
    return outcome;
}

/* The timer's rate is not told, so it is measured: ticks of the divided counter in 10 ms. */
static uint32_t lapic_ticks_in_10ms(void)
{
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, 0xffffffff);
    uint32_t start = lapic_read(LAPIC_TIMER_CURRENT);
    time_delay_us(10000);
    uint32_t ticks = start - lapic_read(LAPIC_TIMER_CURRENT);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    return ticks;
}

enum outcome case_lapic_one_shot(void)
{
    uint32_t ticks = lapic_ticks_in_10ms();
    EXPECT(ticks > 100);
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, ticks);
    uint64_t start = rdtsc();
    EXPECT(wait_for(&trap_count[VECTOR_TIMER], 1, 2000));
    EXPECT((rdtsc() - start) * 1000 / tsc_khz >= 5000);
    EXPECT_EQ(lapic_read(LAPIC_TIMER_CURRENT), 0);
    EXPECT(!wait_for(&trap_count[VECTOR_TIMER], 2, 30)); /* once only */
    lapic_write(LAPIC_TIMER_INITIAL, ticks / 10 + 1);    /* a new count starts it again */
    EXPECT(wait_for(&trap_count[VECTOR_TIMER], 2, 2000));
    lapic_write(LAPIC_TIMER_INITIAL, ticks);
    lapic_write(LAPIC_TIMER_INITIAL, 0); /* 0 stops it */
    EXPECT(!wait_for(&trap_count[VECTOR_TIMER], 3, 30));
    return OUTCOME_OK;
}

enum outcome case_lapic_periodic(void)
{
    uint32_t ticks = lapic_ticks_in_10ms() / 5;
    lapic_write(LAPIC_LVT_TIMER, LVT_PERIODIC | VECTOR_TIMER);
    uint64_t start = rdtsc();
    lapic_write(LAPIC_TIMER_INITIAL, ticks);
    EXPECT(wait_for(&trap_count[VECTOR_TIMER], 10, 5000));
    EXPECT((rdtsc() - start) / tsc_khz >= 8);
    EXPECT(lapic_read(LAPIC_TIMER_CURRENT) <= ticks);
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | LVT_PERIODIC | VECTOR_TIMER);
    interrupts_enable();
    time_delay_us(1000);
    uint32_t seen = trap_count[VECTOR_TIMER];
    time_delay_us(10000);
    interrupts_disable();
    EXPECT_EQ(trap_count[VECTOR_TIMER], seen);
    return OUTCOME_OK;
}

enum outcome case_lapic_deadline(void)
{
    if (!(cpuid(1, 0).ecx & 1 << 24))
        return case_skip("not offered");
    lapic_write(LAPIC_LVT_TIMER, LVT_TSC_DEADLINE | VECTOR_TIMER);
    uint64_t deadline = time_after_ms(5);
    wrmsr(MSR_TSC_DEADLINE, deadline);
    uint64_t armed = rdmsr(MSR_TSC_DEADLINE);
    EXPECT(armed == deadline || (armed == 0 && time_passed(deadline)));
    EXPECT(wait_for(&trap_count[VECTOR_TIMER], 1, 2000));
    EXPECT(time_passed(deadline));
    EXPECT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
    wrmsr(MSR_TSC_DEADLINE, 1); /* long past: at once */
    EXPECT(wait_for(&trap_count[VECTOR_TIMER], 2, 2000));
    wrmsr(MSR_TSC_DEADLINE, time_after_ms(1000));
    wrmsr(MSR_TSC_DEADLINE, 0); /* disarmed */
    EXPECT(!wait_for(&trap_count[VECTOR_TIMER], 3, 20));
    return OUTCOME_OK;
}
