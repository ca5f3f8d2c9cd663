/* SPDX-License-Identifier: MIT */
/*
 * Time: the time-stamp counter is the clock, in ticks since boot; nanoseconds are for people and contracts.
 */
#ifndef LIB_BASE_TIME_H
#define LIB_BASE_TIME_H

#include <stdint.h>

#define TIME_NEVER UINT64_MAX

static inline uint64_t time_now(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* With the frequency given; exact to one unit, and saturating instead of wrapping. */
uint64_t time_ticks_of_ns(uint64_t ns, uint64_t tsc_khz);
uint64_t time_ns_of_ticks(uint64_t ticks, uint64_t tsc_khz);

/* With this machine's frequency. */
uint64_t time_tsc_khz(void);
uint64_t time_to_ticks(uint64_t ns);
uint64_t time_to_ns(uint64_t ticks);

/* The tick at `ns` from now; for deadlines. */
uint64_t time_after_ns(uint64_t ns);

#endif
