/* SPDX-License-Identifier: MIT */
/*
 * Cases: a second processor. Start and restart, interrupts in both directions, also to sleepers, NMI, invalidation of its
 * translations, a lock that both fight for, and one clock for both.
 */
#include "test/guest/cases.h"
#include "test/guest/processor.h"

#define NEEDS_SECOND                                                \
    do {                                                            \
        if (acpi.lapic_count < 2)                                   \
            return case_skip("the machine has only one processor"); \
    } while (0)

static volatile uint32_t second_id, second_base, second_cpuid;

static void identify(void)
{
    second_id = lapic_read(LAPIC_ID) >> 24;
    second_base = (uint32_t)rdmsr(MSR_APIC_BASE);
    second_cpuid = cpuid(1, 0).ebx >> 24;
}

enum outcome case_second_start(void)
{
    NEEDS_SECOND;
    EXPECT(processor_start());
    EXPECT_EQ(processor_first_cs, 0x900);
    EXPECT_EQ(processor_first_cr0 & 0x80000001u, 0); /* real mode */
    processor_run(identify);
    EXPECT(processor_wait());
    EXPECT_EQ(second_id, acpi.second_lapic);
    EXPECT_EQ(second_cpuid, acpi.second_lapic);
    EXPECT_EQ(second_base & 0x900, 0x800); /* enabled, not the first processor */
    for (unsigned i = 0; i < 10; i++) {
        processor_stop();
        EXPECT(processor_start());
    }
    processor_send(ICR_ASSERT | ICR_STARTUP | 1); /* means nothing to a processor that runs */
    processor_run(identify);
    EXPECT(processor_wait());
    processor_stop();
    return OUTCOME_OK;
}

/* ---- interrupts ---- */

static volatile uint32_t received, answered;

static void hook_received(struct trap_frame *frame)
{
    (void)frame;
    received = received + 1;
}

static void hook_answered(struct trap_frame *frame)
{
    (void)frame;
    answered = answered + 1;
}

static void spin_with_interrupts(void)
{
    asm volatile("sti");
    while (!trap_count[VECTOR_HIGH])
        asm volatile("pause");
}

enum outcome case_second_interrupts(void)
{
    NEEDS_SECOND;
    EXPECT(processor_start());
    received = 0;
    trap_hook[VECTOR_MIDDLE] = hook_received;
    trap_hook[2] = hook_answered;
    answered = 0;
    processor_run(spin_with_interrupts);
    for (uint32_t i = 1; i <= 200; i++) {
        processor_send(VECTOR_MIDDLE);
        EXPECT(wait_for(&received, i, 10000));
    }
    lapic_write(LAPIC_ICR_LOW, ICR_OTHERS | VECTOR_MIDDLE);
    EXPECT(wait_for(&received, 201, 10000));
    processor_send_logical(0, VECTOR_MIDDLE); /* nobody */
    processor_send(ICR_NMI | ICR_ASSERT);
    EXPECT(wait_for(&answered, 1, 10000));
    EXPECT_EQ(received, 201);
    lapic_write(LAPIC_ICR_LOW, ICR_ALL | VECTOR_LOW); /* here, too */
    EXPECT(lapic_vector_pending(LAPIC_IRR, VECTOR_LOW));
    EXPECT(wait_for(&trap_count[VECTOR_LOW], 1, 10000));
    processor_send(VECTOR_HIGH);
    EXPECT(processor_wait());
    processor_stop();
    return OUTCOME_OK;
}

enum { PINGS = 500 };

static void hook_ping(struct trap_frame *frame)
{
    (void)frame;
    received = received + 1;
    lapic_write(LAPIC_ICR_LOW, ICR_OTHERS | VECTOR_LOW);
}

static void sleep_and_answer(void)
{
    while (received < PINGS)
        asm volatile("sti; hlt; cli" : : : "memory");
}

/* Both sleep all the time: a wake-up that is lost ends in the PIT's interrupt, which is one of too many. */
enum outcome case_second_sleeps(void)
{
    NEEDS_SECOND;
    uint32_t rescues = 0;
    EXPECT(processor_start());
    received = answered = 0;
    trap_hook[VECTOR_MIDDLE] = hook_ping;
    trap_hook[VECTOR_LOW] = hook_answered;
    ioapic_route_isa(0, VECTOR_TIMER);
    pit_start(2, 0);
    processor_run(sleep_and_answer);
    for (uint32_t i = 1; i <= PINGS; i++) {
        uint64_t limit = time_after_ms(5000);
        processor_send(VECTOR_MIDDLE);
        while (answered < i) {
            asm volatile("sti; hlt; cli" : : : "memory");
            if (time_passed(limit))
                rescues++;
            EXPECT(!rescues);
        }
    }
    EXPECT(processor_wait());
    EXPECT_EQ(received, PINGS);
    processor_stop();
    return OUTCOME_OK;
}

/* Interrupts of the lowest priority and of devices go to the processor that the destination names. */
enum outcome case_second_devices(void)
{
    NEEDS_SECOND;
    EXPECT(processor_start());
    received = 0;
    trap_hook[VECTOR_MIDDLE] = hook_received;
    processor_run(spin_with_interrupts);
    ioapic_route_isa(0, VECTOR_MIDDLE);
    ioapic_write((uint8_t)(0x11 + 2 * ioapic_pin(0)), acpi.second_lapic << 24);
    pit_start(2, PIT_HZ / 1000);
    EXPECT(wait_for(&received, 20, 20000)); /* interrupts are off here */
    EXPECT(!lapic_vector_pending(LAPIC_IRR, VECTOR_MIDDLE));
    ioapic_write((uint8_t)(0x10 + 2 * ioapic_pin(0)), IOAPIC_MASKED);
    lapic_write(LAPIC_TPR, 0xf0);
    lapic_write(LAPIC_LDR, 1u << 24);
    uint32_t before = received;
    processor_send_logical(1, ICR_LOWEST | VECTOR_LOW); /* only we have a logical ID */
    EXPECT(lapic_vector_pending(LAPIC_IRR, VECTOR_LOW));
    EXPECT(received - before <= 1);
    lapic_write(LAPIC_TPR, 0);
    processor_send(VECTOR_HIGH);
    EXPECT(processor_wait());
    processor_stop();
    return OUTCOME_OK;
}

/* ---- memory ---- */

/* A large page behind the test's own memory shows one of two other pages. */
#define WINDOW 0x3000000ul
#define VALUES 0x400000ul

extern uint64_t page_map[];

static uint64_t *window_entry(void)
{
    return page_map + 2 * 512 + WINDOW / 0x200000;
}

static volatile uint64_t seen;
static volatile uint32_t looked, flushed, finish;

static void hook_flush(struct trap_frame *frame)
{
    (void)frame;
    page_invalidate(WINDOW);
    flushed = flushed + 1;
}

static void look(void)
{
    asm volatile("sti");
    while (!finish) {
        seen = *(volatile uint64_t *)WINDOW;
        looked = looked + 1;
    }
}

enum outcome case_second_shootdown(void)
{
    NEEDS_SECOND;
    uint64_t *entry = window_entry(), original = *entry;
    EXPECT(memory_is_ram(VALUES, 0x400000) && (original & ~0x1ffffful) == WINDOW);
    for (uint64_t i = 0; i < 2; i++)
        *(volatile uint64_t *)(VALUES + i * 0x200000) = 1000 + i;
    EXPECT(processor_start());
    looked = flushed = finish = 0;
    trap_hook[VECTOR_MIDDLE] = hook_flush;
    processor_run(look);
    enum outcome outcome = OUTCOME_OK;
    for (uint32_t i = 1; i <= 200 && outcome == OUTCOME_OK; i++) {
        uint32_t before;
        *(volatile uint64_t *)entry = (VALUES + (i & 1) * 0x200000) | 0x83;
        processor_send(VECTOR_MIDDLE);
        bool came = wait_for(&flushed, i, 10000);
        before = looked;
        if (!came || !wait_for(&looked, before + 2, 10000) || seen != 1000 + (i & 1))
            outcome = case_fail_equal(__FILE__, __LINE__, "the value seen", seen, 1000 + (i & 1));
    }
    finish = 1;
    *entry = original;
    page_invalidate(WINDOW);
    if (outcome == OUTCOME_OK)
        EXPECT(processor_wait());
    processor_stop();
    return outcome;
}

enum { ROUNDS = 20000 };

static volatile uint32_t lock;
static volatile uint64_t protected_sum, latest, backwards;

/* Under the lock: an increment that is not atomic, and the clock, which must not go backwards from one to the other. */
static void contend(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
            asm volatile("pause");
        uint64_t now = rdtsc();
        backwards = backwards + (now < latest);
        latest = now;
        protected_sum = protected_sum + 1;
        if (i % 64 == 0)
            outb(PORT_POST, (uint8_t)i); /* both in the monitor at once */
        __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
    }
}

enum outcome case_second_lock(void)
{
    NEEDS_SECOND;
    EXPECT(processor_start());
    lock = 0;
    protected_sum = latest = backwards = 0;
    processor_run(contend);
    contend();
    EXPECT(processor_wait());
    EXPECT_EQ(protected_sum, 2 * ROUNDS);
    EXPECT_EQ(backwards, 0);
    processor_stop();
    return OUTCOME_OK;
}
