/* SPDX-License-Identifier: MIT */
/*
 * Local APIC (SDM vol. 3, chapter 11), in x2APIC mode where the processors have it: messages between CPUs, end of interrupt, and
 * the one-shot timer at absolute TSC values, by TSC deadline where the processor has it, else by its own counter. The
 * interrupt path of the kernel ends here.
 */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/madt.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/cpu.h"

/* Registers, as indices of 32-bit words. */
enum apic {
    APIC_ID = 0x20 / 4,
    APIC_TPR = 0x80 / 4,
    APIC_EOI = 0xb0 / 4,
    APIC_SPURIOUS = 0xf0 / 4,
    APIC_COMMAND = 0x300 / 4,
    APIC_COMMAND_HIGH = 0x310 / 4,
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
    COMMAND_NMI = 4 << 8,
    COMMAND_INIT = 5 << 8,
    COMMAND_STARTUP = 6 << 8,
    COMMAND_PENDING = 1 << 12,
    COMMAND_ASSERT = 1 << 14,
};

#define CPUID1_ECX_X2APIC       (1u << 21)
#define CPUID1_ECX_TSC_DEADLINE (1u << 24)

static bool x2apic;
static volatile uint32_t *apic; /* xAPIC mode */
static bool deadline_mode;
static uint64_t tick_factor; /* APIC timer ticks a TSC tick, times 2^32 */

static uint32_t apic_read(enum apic index)
{
    return x2apic ? (uint32_t)msr_read(MSR_X2APIC + index / 4) : apic[index];
}

static void apic_write(enum apic index, uint32_t value)
{
    if (x2apic)
        msr_write(MSR_X2APIC + index / 4, value);
    else
        apic[index] = value;
}

void apic_cpu_init(struct cpu *cpu)
{
    uint64_t base = msr_read(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    msr_write(MSR_APIC_BASE, base);
    if (x2apic)
        msr_write(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_SPURIOUS, APIC_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    apic_write(APIC_LVT_LINT1, cpu->id ? LVT_MASKED : LVT_NMI);
    apic_write(APIC_LVT_PERFORMANCE, LVT_MASKED);
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
}

void apic_init(struct cpu *cpu, const struct madt *madt)
{
    x2apic = cpuid(1, 0).ecx & CPUID1_ECX_X2APIC;
    if (!x2apic)
        apic = device_map(madt->local_apic);
    apic_cpu_init(cpu);
    cpu->arch.apic_id = apic_id();
    apic_write(APIC_TIMER_INITIAL, UINT32_MAX); /* counts for the calibration */
}

uint32_t apic_id(void)
{
    if (x2apic)
        return apic_read(APIC_ID);
    return apic ? apic_read(APIC_ID) >> 24 : 0;
}

const char *apic_mode(void)
{
    return x2apic ? "x2APIC" : "xAPIC";
}

bool apic_extended(void)
{
    return x2apic;
}

bool apic_reaches(uint32_t id)
{
    return x2apic || id < 255;
}

/* The interrupt command register: one write of 64 bits, or two after the last message has left. */
static void apic_send(uint32_t id, uint32_t command)
{
    if (x2apic) { /* this write waits for no earlier one (SDM vol. 3, 11.12.3) */
        asm volatile("mfence; lfence" : : : "memory");
        msr_write(MSR_X2APIC + APIC_COMMAND / 4, (uint64_t)id << 32 | command);
        return;
    }
    while (apic[APIC_COMMAND] & COMMAND_PENDING)
        cpu_relax();
    apic[APIC_COMMAND_HIGH] = id << 24;
    apic[APIC_COMMAND] = command;
}

void apic_send_init(uint32_t id)
{
    apic_send(id, COMMAND_INIT | COMMAND_ASSERT);
}

void apic_send_startup(uint32_t id, uint32_t address)
{
    apic_send(id, COMMAND_STARTUP | COMMAND_ASSERT | address >> 12);
}

void apic_send_nmi(uint32_t id)
{
    apic_send(id, COMMAND_NMI | COMMAND_ASSERT);
}

void arch_ipi(struct cpu *target)
{
    apic_send(target->arch.apic_id, COMMAND_ASSERT | VECTOR_IPI);
}

uint32_t apic_timer_count(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

void timer_calibrated(const struct clock_rates *rates)
{
    deadline_mode = cpuid(1, 0).ecx & CPUID1_ECX_TSC_DEADLINE;
    tick_factor = (rates->apic_khz << 32) / rates->tsc_khz;
}

void timer_init(struct cpu *cpu)
{
    cpu->timer = UINT64_MAX;
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (deadline_mode ? LVT_TSC_DEADLINE : 0));
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
    if (deadline_mode)
        msr_write(MSR_TSC_DEADLINE, tsc ? tsc : 1);
    else
        apic_write(APIC_TIMER_INITIAL, timer_ticks(tsc));
}

bool timer_fired(void)
{
    uint64_t target = cpu_self()->timer;

    if (target == UINT64_MAX)
        return false;
    if (rdtsc() >= target)
        return true;
    arch_timer_set(target);
    return false;
}

/* Called by entry.S from user mode, idle, or the moment after a guest's exit. */
_Noreturn void interrupt_entry(unsigned vector);

void interrupt_entry(unsigned vector)
{
    if (vector == VECTOR_TIMER) {
        apic_eoi();
        if (timer_fired())
            sched_timer_expired();
    } else if (vector == VECTOR_IPI) {
        apic_eoi();
        cpu_interrupted();
    } else if (vector >= VECTOR_LINE && vector < VECTOR_LINE_END) {
        line_raised(vector - VECTOR_LINE);
    }
    sched_dispatch();
}
