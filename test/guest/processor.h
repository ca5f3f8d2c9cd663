/* SPDX-License-Identifier: MIT */
/*
 * The second processor of the machine; see processor.c. One at a time, and one piece of work at a time.
 */
#ifndef TEST_GUEST_PROCESSOR_H
#define TEST_GUEST_PROCESSOR_H

#include "test/guest/guest.h"

enum {
    ICR_NMI = 4 << 8,
    ICR_INIT = 5 << 8,
    ICR_STARTUP = 6 << 8,
    ICR_LOWEST = 1 << 8,
    ICR_LOGICAL = 1 << 11,
    ICR_ASSERT = 1 << 14,
    ICR_ALL = 2 << 18,
    ICR_OTHERS = 3 << 18,
};

extern uint32_t processor_first_cr0; /* as it was after STARTUP */
extern uint16_t processor_first_cs;
extern volatile uint32_t processor_up; /* how many times it has come up */
extern volatile uint32_t processor_done;

/* INIT, STARTUP, and STARTUP again if it needs that. False: it did not come up. */
bool processor_start(void);

/* By INIT: it waits for STARTUP again. */
void processor_stop(void);

/* Has it run `work`, with interrupts off, and waits for the end. False: it does not end. */
void processor_run(void (*work)(void));
bool processor_wait(void);

/* An interrupt to it, by its ID; or to logical destinations. */
void processor_send(uint32_t command);
void processor_send_logical(uint8_t destination, uint32_t command);

#endif
