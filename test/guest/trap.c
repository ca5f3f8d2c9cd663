/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts. An exception is either announced (trap_resume is set: it is recorded and execution goes on
 * there) or it ends the running case. An interrupt is counted and logged, given to its hook, and acknowledged at the
 * controller that its vector belongs to.
 */
#include "test/guest/guest.h"

extern char trap_stubs[], case_abort[];

volatile uint64_t trap_resume;
struct trap_record trap_last;
volatile uint32_t trap_count[256];
void (*trap_hook[256])(struct trap_frame *frame);
uint8_t trap_log[64];
volatile uint32_t trap_log_length;

struct gate {
    uint16_t offset_low, selector, attributes, offset_middle;
    uint32_t offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "layout is fixed by the processor");

static struct gate gates[256];

void trap_init(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t entry = (uint64_t)trap_stubs + 16 * i;
        gates[i] = (struct gate){.offset_low = (uint16_t)entry,
                                 .selector = 0x08,
                                 .attributes = 0x8e00,
                                 .offset_middle = (uint16_t)(entry >> 16),
                                 .offset_high = (uint32_t)(entry >> 32)};
    }
    trap_load();
}

void trap_load(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = {sizeof(gates) - 1, (uint64_t)gates};
    asm volatile("lidt %0" : : "m"(pointer));
}

void trap_reset(void)
{
    trap_resume = 0;
    trap_log_length = 0;
    for (unsigned i = 0; i < 256; i++) {
        trap_count[i] = 0;
        trap_hook[i] = NULL;
    }
}

static void handle_exception(struct trap_frame *frame)
{
    uint64_t address;
    asm volatile("movq %%cr2, %0" : "=r"(address));
    if (trap_resume) {
        trap_last = (struct trap_record){frame->vector, frame->error, address, frame->rip};
        frame->rip = trap_resume;
        trap_resume = 0;
        return;
    }
    print("[exception %lu error %lx at %lx, cr2 %lx, rsp %lx] ", frame->vector, frame->error, frame->rip,
          address, frame->rsp);
    print("FAIL unexpected exception\n");
    frame->rip = (uint64_t)case_abort;
    frame->rflags &= ~0x300ul; /* IF and TF off */
}

void trap_dispatch(struct trap_frame *frame)
{
    uint64_t vector = frame->vector;
    if (vector < 32) {
        if (trap_hook[vector])
            trap_hook[vector](frame);
        else
            handle_exception(frame);
        return;
    }
    trap_count[vector]++;
    if (trap_log_length < sizeof(trap_log) - 1) /* the second processor may come in between */
        trap_log[trap_log_length++] = (uint8_t)vector;
    if (trap_hook[vector])
        trap_hook[vector](frame);
    if (vector >= VECTOR_PIC && vector < VECTOR_PIC + 16) {
        if (vector >= VECTOR_PIC + 8)
            outb(PORT_PIC_SLAVE, 0x20);
        outb(PORT_PIC_MASTER, 0x20);
    } else if (vector != VECTOR_SPURIOUS) {
        lapic_write(LAPIC_EOI, 0);
    }
}
