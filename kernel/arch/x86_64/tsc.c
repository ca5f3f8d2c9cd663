/* SPDX-License-Identifier: MIT */
/*
 * Frequencies of the time-stamp counter and of the local APIC timer: from CPUID where a value is exact, else measured
 * against channel 2 of the PIT (8254). Each measured point is read between two TSC values; the tightest of several
 * tries is taken, so that an emulator or SMI pausing the processor does not matter. A longer pause lets the PIT's 16 bits
 * run around unseen: so the middle one of three measurements counts.
 */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/mem/memory.h"

#define PIT_HZ        1193182ull
#define PIT_CHANNEL2  0x42
#define PIT_COMMAND   0x43
#define PIT_LATCH2    0x80
#define PIT_START2    0xb0  /* channel 2, both bytes, mode 0 */
#define PORT_B        0x61  /* bit 0: gate of channel 2, bit 1: speaker */
#define MEASURE_TICKS 4800u /* about 4 ms */
#define TRIES         5
#define MEASUREMENTS  3
#define PATIENCE      (1ull << 34) /* TSC ticks, some seconds */

struct sample {
    uint64_t tsc;
    uint32_t pit, apic; /* both count down */
};

static uint32_t pit_read(void)
{
    uint32_t low;

    outb(PIT_COMMAND, PIT_LATCH2);
    low = inb(PIT_CHANNEL2);
    return low | (uint32_t)inb(PIT_CHANNEL2) << 8;
}

static void sample_take(struct sample *out)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t before = rdtsc();
        uint32_t pit = pit_read(), apic = apic_timer_count();
        uint64_t after = rdtsc();

        if (after - before >= best)
            continue;
        best = after - before;
        *out = (struct sample){before + best / 2, pit, apic};
    }
}

static void measure_once(struct clock_rates *out)
{
    struct sample first, last;
    uint32_t ticks;

    outb(PORT_B, (uint8_t)((inb(PORT_B) & ~2u) | 1u));
    outb(PIT_COMMAND, PIT_START2);
    outb(PIT_CHANNEL2, 0xff);
    outb(PIT_CHANNEL2, 0xff);
    sample_take(&first);
    while (first.pit - pit_read() < MEASURE_TICKS)
        if (rdtsc() - first.tsc > PATIENCE)
            panic("the PIT does not count: no clock to measure the others by");
    sample_take(&last);
    ticks = first.pit - last.pit;
    out->tsc_khz = (last.tsc - first.tsc) * PIT_HZ / ticks / 1000;
    out->apic_khz = (uint64_t)(first.apic - last.apic) * PIT_HZ / ticks / 1000;
}

static void measure(struct clock_rates *out)
{
    struct clock_rates rates[MEASUREMENTS] = {0};

    for (unsigned i = 0; i < MEASUREMENTS; i++) {
        struct clock_rates next;
        unsigned place = i;

        measure_once(&next);
        for (; place && rates[place - 1].tsc_khz > next.tsc_khz; place--)
            rates[place] = rates[place - 1];
        rates[place] = next;
    }
    *out = rates[MEASUREMENTS / 2];
}

/* What the processor or a hypervisor states exactly; 0 if neither does. */
static uint64_t tsc_khz_from_cpuid(void)
{
    struct cpuid leaf = cpuid(0, 0);

    if (leaf.eax >= 0x15) { /* SDM vol. 2, CPUID: ratio of TSC and crystal, crystal frequency */
        struct cpuid ratio = cpuid(0x15, 0);

        if (ratio.eax && ratio.ebx && ratio.ecx)
            return (uint64_t)ratio.ecx * ratio.ebx / ratio.eax / 1000;
    }
    if (cpuid(1, 0).ecx >> 31 & 1) {
        struct cpuid hypervisor = cpuid(0x40000000, 0);

        if (hypervisor.eax >= 0x40000010 && hypervisor.eax < 0x40010000)
            return cpuid(0x40000010, 0).eax;
    }
    return 0;
}

void clock_calibrate(struct clock_rates *out)
{
    uint64_t stated = tsc_khz_from_cpuid();

    measure(out);
    if (stated)
        out->tsc_khz = stated;
    if (!out->tsc_khz || !out->apic_khz)
        panic("the time-stamp counter or the APIC timer does not count");
    boot_info.tsc_khz = out->tsc_khz;
}
