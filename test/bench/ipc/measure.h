/* SPDX-License-Identifier: MIT */
/*
 * Measuring one operation in ticks of the time-stamp counter. With QEMU's `-icount shift=0` a tick is one instruction.
 *
 *     MEASURE("notification_signal_wait", CHECK(kernel_notification_signal(slot)));
 *
 * runs it some times to warm up, then each time between two readings of the counter, subtracts what two readings cost
 * with nothing between them, and reports the median. An operation that fails makes the whole measurement fail.
 */
#ifndef TEST_BENCH_IPC_MEASURE_H
#define TEST_BENCH_IPC_MEASURE_H

#include "lib/base/kernel.h"

#include <stdbool.h>
#include <stdint.h>

#define MEASURE_WARM_UP 64u
#define MEASURE_SAMPLES 1024u

extern uint64_t measure_samples[MEASURE_SAMPLES];

/* Takes the samples with nothing to measure; to be called once at the start. */
void measure_calibrate(void);

/* Prints `BENCH name median instructions`, and a line with minimum and maximum. */
void measure_report(const char *name);

/* Notes a failure; the text of the first one is printed. */
void measure_check(bool right, const char *text);
bool measure_failed(void);

#define CHECK(condition) measure_check((condition), #condition)

/* No code of the compiler's goes across the readings. */
static inline uint64_t measure_tsc(void)
{
    uint64_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return high << 32 | low;
}

#define MEASURE_SAMPLE(index, operation)                        \
    do {                                                        \
        uint64_t measure_start = measure_tsc();                 \
        operation;                                              \
        measure_samples[index] = measure_tsc() - measure_start; \
    } while (0)

#define MEASURE(name, operation)                                   \
    do {                                                           \
        for (unsigned round = 0; round < MEASURE_WARM_UP; round++) \
            MEASURE_SAMPLE(round, operation);                      \
        for (unsigned round = 0; round < MEASURE_SAMPLES; round++) \
            MEASURE_SAMPLE(round, operation);                      \
        measure_report(name);                                      \
    } while (0)

#endif
