/* SPDX-License-Identifier: MIT */
/*
 * Local APIC in xAPIC mode (SDM vol. 3, chapter 11): end of interrupt, and the one-shot timer at absolute TSC values, by
 * TSC deadline where the processor has it, else by its own counter. The interrupt path of the kernel ends here.
 */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/cpu.h"

/* Registers, as indices of 32-bit words. */
enum apic {
    APIC_TPR = 0x80 / 4,
    APIC_EOI = 0xb0 / 4,
    APIC_SPURIOUS = 0xf0 / 4,
    APIC_LVT_TIMER = 0x320 / 4,
    APIC_LVT_PERFORMANCE = 0x340 / 4,
    APIC_LVT_LINT0 = 0x350 / 4,
    APIC_LVT_LINT1 = 0x360 / 4,
    APIC_LVT_ERROR = 0x370 / 4,
    APIC_TIMER_INITIAL = 0x380 / 4,
    APIC_TIMER_CURRENT = 0x390 / 4,
    APIC_TIMER_DIVIDE = 0x3e0 / 4,

    APIC_ENABLE = 1 << 8,
    LVT_MASKED = 1 << 16,
    LVT_NMI = 4 << 8,
    LVT_TSC_DEADLINE = 2 << 17,
    DIVIDE_BY_1 = 0xb,
};

#define CPUID1_ECX_TSC_DEADLINE (1u << 24)

static volatile uint32_t *apic;
static bool deadline_mode;
static uint64_t tick_factor; /* APIC timer ticks a TSC tick, times 2^32 */

void apic_init(const struct madt *madt)
{
    uint64_t base = msr_read(MSR_APIC_BASE);

    if (base & APIC_BASE_X2APIC)
        panic("the firmware left the local APIC in x2APIC mode, which this version does not support");
    msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    apic = device_map(madt->local_apic);
    apic[APIC_TPR] = 0;
    apic[APIC_SPURIOUS] = APIC_ENABLE | VECTOR_SPURIOUS;
    apic[APIC_LVT_LINT0] = LVT_MASKED;
    apic[APIC_LVT_LINT1] = LVT_NMI;
    apic[APIC_LVT_PERFORMANCE] = LVT_MASKED;
    apic[APIC_LVT_ERROR] = LVT_MASKED;
    apic[APIC_LVT_TIMER] = LVT_MASKED | VECTOR_TIMER;
    apic[APIC_TIMER_DIVIDE] = DIVIDE_BY_1;
    apic[APIC_TIMER_INITIAL] = UINT32_MAX; /* counts for the calibration */
}

uint32_t apic_timer_count(void)
{
    return apic[APIC_TIMER_CURRENT];
}

void apic_eoi(void)
{
    apic[APIC_EOI] = 0;
}

void timer_init(struct cpu *cpu, const struct clock_rates *rates)
{
    deadline_mode = cpuid(1, 0).ecx & CPUID1_ECX_TSC_DEADLINE;
    tick_factor = (rates->apic_khz << 32) / rates->tsc_khz;
    cpu->arch.timer_target = UINT64_MAX;
    apic[APIC_TIMER_INITIAL] = 0;
    apic[APIC_LVT_TIMER] = VECTOR_TIMER | (deadline_mode ? LVT_TSC_DEADLINE : 0);
    /* The mode must be in force before the first write of the deadline (SDM vol. 3, 11.5.4.1). */
    asm volatile("mfence" : : : "memory");
}

uint64_t arch_tsc(void)
{
    return rdtsc();
}

/* Ticks until the target; a counter that is too short fires early, which timer_fired() sees. */
static uint32_t timer_ticks(uint64_t target)
{
    uint64_t now = rdtsc(), ticks;

    if (target <= now)
        return 1;
    ticks = (uint64_t)(((unsigned __int128)(target - now) * tick_factor) >> 32) + 1;
    return ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks;
}

void arch_timer_set(uint64_t tsc)
{
    cpu_self()->arch.timer_target = tsc;
    if (tsc == UINT64_MAX)
        deadline_mode ? msr_write(MSR_TSC_DEADLINE, 0) : (void)(apic[APIC_TIMER_INITIAL] = 0);
    else if (deadline_mode)
        msr_write(MSR_TSC_DEADLINE, tsc ? tsc : 1);
    else
        apic[APIC_TIMER_INITIAL] = timer_ticks(tsc);
}

bool timer_fired(void)
{
    uint64_t target = cpu_self()->arch.timer_target;

    if (target == UINT64_MAX)
        return false;
    if (rdtsc() < target) {
        arch_timer_set(target);
        return false;
    }
    cpu_self()->arch.timer_target = UINT64_MAX;
    return true;
}

/* Called by entry.S from user mode, idle, or the moment after a guest's exit. */
_Noreturn void interrupt_entry(unsigned vector);

void interrupt_entry(unsigned vector)
{
    if (vector == VECTOR_TIMER) {
        apic_eoi();
        if (timer_fired())
            sched_timer_expired();
    } else if (vector >= VECTOR_GSI && vector < VECTOR_GSI_END) {
        ioapic_raised(vector - VECTOR_GSI);
    }
    sched_dispatch();
}
