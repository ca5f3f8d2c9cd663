/* SPDX-License-Identifier: MIT */
/*
 * The boot processor asks, the other CPU answers: each question is a number that grows by one, with what to do in its low bits;
 * the answer is the same number, when it is done. So neither can take an old message for a new one.
 */
#include "kernel/arch/x86_64/tsc_sync.h"

#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/print.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/arch/x86_64/tsc_offset.h"
#include "kernel/mem/memory.h"

#define READINGS          16u
#define CORRECTIONS       3u
#define PATIENCE_MS       2000u
#define CPUID7_EBX_ADJUST (1u << 1)

enum question {
    QUESTION_READ = 0,
    QUESTION_ADJUST = 1,
    QUESTION_ACCEPT = 2,
    QUESTION_REFUSE = 3,
    QUESTION_MASK = 3
};

static struct {
    uint64_t question, answer;
    uint64_t value; /* QUESTION_READ: the other's counter; QUESTION_ADJUST: what to add to it */
} exchange;

/* Neither before what stands before it, nor after what stands behind it. */
static uint64_t rdtsc_ordered(void)
{
    uint64_t value;

    asm volatile("lfence" : : : "memory");
    value = rdtsc();
    asm volatile("lfence" : : : "memory");
    return value;
}

/* False: no answer in time. */
static bool ask(enum question what)
{
    uint64_t question = ((exchange.question & ~(uint64_t)QUESTION_MASK) + QUESTION_MASK + 1) | what;
    uint64_t end = rdtsc() + PATIENCE_MS * boot_info.tsc_khz;

    __atomic_store_n(&exchange.question, question, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&exchange.answer, __ATOMIC_SEQ_CST) != question) {
        if (rdtsc() > end)
            return false;
        cpu_relax();
    }
    return true;
}

static bool measure(struct tsc_offset *out)
{
    *out = TSC_OFFSET_UNKNOWN;
    for (unsigned i = 0; i < READINGS; i++) {
        uint64_t before = rdtsc_ordered();

        if (!ask(QUESTION_READ))
            return false;
        tsc_offset_add(out, before, exchange.value, rdtsc_ordered());
    }
    return true;
}

/* Why the CPU cannot be used, NULL if it can. */
static const char *synchronise(struct tsc_offset *offset)
{
    bool adjustable = cpuid(0, 0).eax >= 7 && cpuid(7, 0).ebx & CPUID7_EBX_ADJUST;

    for (unsigned i = 0;; i++) {
        if (!measure(offset))
            return "it does not answer";
        switch (tsc_offset_verdict(offset)) {
        case TSC_AGREES: return NULL;
        case TSC_UNSTEADY: return "its time-stamp counter runs at another rate";
        case TSC_DIFFERS: break;
        }
        if (!adjustable || i == CORRECTIONS)
            return "its time-stamp counter differs and cannot be corrected";
        exchange.value = (uint64_t)tsc_offset_correction(offset);
        if (!ask(QUESTION_ADJUST))
            return "it does not answer";
    }
}

bool tsc_sync_lead(uint32_t apic_id)
{
    struct tsc_offset offset;
    const char *refusal = synchronise(&offset);

    if (!refusal)
        return ask(QUESTION_ACCEPT);
    print("Tessera: CPU with APIC id %u is left out: %s (%ld to %ld ticks ahead)\n", apic_id, refusal,
          offset.low, offset.high);
    ask(QUESTION_REFUSE);
    return false;
}

void tsc_sync_follow(void)
{
    uint64_t done = __atomic_load_n(&exchange.answer, __ATOMIC_RELAXED);

    for (;;) {
        uint64_t question = __atomic_load_n(&exchange.question, __ATOMIC_SEQ_CST);

        if (question == done) {
            cpu_relax();
            continue;
        }
        if ((question & QUESTION_MASK) == QUESTION_READ)
            exchange.value = rdtsc_ordered();
        else if ((question & QUESTION_MASK) == QUESTION_ADJUST)
            msr_write(MSR_TSC_ADJUST, msr_read(MSR_TSC_ADJUST) + exchange.value);
        done = question;
        __atomic_store_n(&exchange.answer, done, __ATOMIC_SEQ_CST);
        if ((question & QUESTION_MASK) == QUESTION_ACCEPT)
            return;
        while ((question & QUESTION_MASK) == QUESTION_REFUSE)
            asm volatile("cli; hlt");
    }
}
