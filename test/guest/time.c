/* SPDX-License-Identifier: MIT */
/*
 * Time for the cases: the TSC, measured at the start against the ACPI PM timer, or against PIT channel 2 where there is none.
 * Cases take it as the yardstick: lower bounds are strict (an interrupt must not come early), upper bounds generous,
 * because the whole machine may be an emulator that has to wait for its turn.
 */
#include "test/guest/guest.h"

uint64_t tsc_khz;

enum { CALIBRATION_MS = 20 };

static uint64_t tsc_during_pm_timer(void)
{
    uint32_t mask = acpi.pm_timer_32bit ? 0xffffffff : 0xffffff;
    uint32_t ticks = PM_TIMER_HZ / 1000 * CALIBRATION_MS, passed;
    uint32_t start = inl(acpi.pm_timer_port);
    uint64_t tsc = rdtsc();
    do {
        passed = (inl(acpi.pm_timer_port) - start) & mask;
    } while (passed < ticks);
    return (rdtsc() - tsc) * ticks / passed;
}

static uint64_t tsc_during_pit(void)
{
    uint16_t ticks = PIT_HZ / 1000 * CALIBRATION_MS;
    uint8_t control = inb(PORT_SYSTEM_CONTROL) & 0xfc;
    outb(PORT_SYSTEM_CONTROL, control | 1);
    outb(PORT_PIT_COMMAND, 0xb0); /* channel 2, both bytes, mode 0 */
    outb(PORT_PIT_CHANNEL2, (uint8_t)ticks);
    outb(PORT_PIT_CHANNEL2, (uint8_t)(ticks >> 8));
    uint64_t tsc = rdtsc();
    while (!(inb(PORT_SYSTEM_CONTROL) & 0x20))
        asm volatile("pause");
    tsc = rdtsc() - tsc;
    outb(PORT_SYSTEM_CONTROL, control);
    return tsc;
}

/* The middle one of three: an emulator that waits for its turn just between two readings spoils one. */
void time_init(void)
{
    uint64_t tsc[3];
    for (unsigned i = 0; i < 3; i++) {
        uint64_t next = acpi.pm_timer_port ? tsc_during_pm_timer() : tsc_during_pit();
        unsigned place = i;
        for (; place && tsc[place - 1] > next; place--)
            tsc[place] = tsc[place - 1];
        tsc[place] = next;
    }
    tsc_khz = tsc[1] / CALIBRATION_MS;
}

uint64_t time_after_ms(unsigned milliseconds)
{
    return rdtsc() + milliseconds * tsc_khz;
}

bool time_passed(uint64_t tsc)
{
    return (int64_t)(rdtsc() - tsc) >= 0;
}

void time_delay_us(unsigned microseconds)
{
    uint64_t end = rdtsc() + microseconds * tsc_khz / 1000;
    while (!time_passed(end))
        asm volatile("pause");
}

/* Waits with interrupts enabled, without HLT, until a counter has reached a value. */
bool wait_for(const volatile uint32_t *counter, uint32_t value, unsigned milliseconds)
{
    uint64_t end = time_after_ms(milliseconds);
    interrupts_enable();
    while (*counter < value && !time_passed(end))
        asm volatile("pause");
    interrupts_disable();
    return *counter >= value;
}
