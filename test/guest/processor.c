/* SPDX-License-Identifier: MIT */
/*
 * The second processor: started, given work, and put back to sleep by the first one.
 *
 * It is in `processor_main` from STARTUP to INIT, waits for work in a loop, and has its own stack; vectors, page tables and
 * counters are the first one's.
 */
#include "test/guest/processor.h"

#define PROCESSOR_LOW_CODE 0x9000

extern char processor_low_start[], processor_low_end[];

volatile uint32_t processor_up, processor_done;
static void (*volatile processor_work)(void);

void processor_main(void);

static void interrupt_command(uint32_t destination, uint32_t command)
{
    lapic_write(LAPIC_ICR_HIGH, destination << 24);
    lapic_write(LAPIC_ICR_LOW, command);
    while (lapic_read(LAPIC_ICR_LOW) & 1 << 12)
        asm volatile("pause");
}

void processor_send(uint32_t command)
{
    interrupt_command(acpi.second_lapic, command);
}

void processor_send_logical(uint8_t destination, uint32_t command)
{
    interrupt_command(destination, ICR_LOGICAL | command);
}

void processor_main(void)
{
    trap_load();
    lapic_write(LAPIC_SVR, 0x100 | VECTOR_SPURIOUS);
    lapic_write(LAPIC_TIMER_DIVIDE, 3);
    processor_up = processor_up + 1;
    for (;;) {
        void (*work)(void) = processor_work;

        asm volatile("pause");
        if (!work)
            continue;
        processor_work = NULL;
        work();
        interrupts_disable();
        processor_done = processor_done + 1;
    }
}

bool processor_start(void)
{
    uint32_t before = processor_up;

    memcpy((void *)PROCESSOR_LOW_CODE, processor_low_start,
           (size_t)(processor_low_end - processor_low_start));
    processor_work = NULL;
    processor_send(ICR_ASSERT | ICR_INIT);
    time_delay_us(10000);
    for (unsigned i = 0; i < 2 && processor_up == before; i++) {
        processor_send(ICR_ASSERT | ICR_STARTUP | PROCESSOR_LOW_CODE >> 12);
        wait_for(&processor_up, before + 1, i ? 10000 : 200);
    }
    return processor_up == before + 1;
}

void processor_stop(void)
{
    processor_send(ICR_ASSERT | ICR_INIT);
    time_delay_us(1000);
}

void processor_run(void (*work)(void))
{
    processor_done = 0;
    processor_work = work;
}

bool processor_wait(void)
{
    return wait_for(&processor_done, 1, 30000);
}
