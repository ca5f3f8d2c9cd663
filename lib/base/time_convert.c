/* SPDX-License-Identifier: MIT */
/*
 * Ticks and nanoseconds without 128-bit division: whole milliseconds and the rest are converted apart. The rest's product
 * stays below 10^6 * tsc_khz, which fits for any frequency under 10^13 kHz.
 */
#include "lib/base/time.h"

#define NS_PER_MS 1000000ull

static uint64_t convert(uint64_t value, uint64_t from, uint64_t to)
{
    uint64_t whole, sum;

    if (from == 0 || __builtin_mul_overflow(value / from, to, &whole) ||
        __builtin_add_overflow(whole, value % from * to / from, &sum))
        return UINT64_MAX;
    return sum;
}

uint64_t time_ticks_of_ns(uint64_t ns, uint64_t tsc_khz)
{
    return convert(ns, NS_PER_MS, tsc_khz);
}

uint64_t time_ns_of_ticks(uint64_t ticks, uint64_t tsc_khz)
{
    return convert(ticks, tsc_khz, NS_PER_MS);
}
