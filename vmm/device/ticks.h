/* SPDX-License-Identifier: MIT */
/*
 * Conversion between nanoseconds and the ticks of a device's oscillator, without 128-bit division (there is
 * no compiler runtime) and without overflow: seconds and the rest are converted apart. Results that do not
 * fit saturate.
 *
 * Invariant: ticks_from_ns(ticks_to_ns(t, hz), hz) == t, so a deadline computed from a tick never wakes too
 * early.
 */
#ifndef VMM_DEVICE_TICKS_H
#define VMM_DEVICE_TICKS_H

#include <stdint.h>

#define NANOSECONDS_PER_SECOND 1000000000ull

/* (value * numerator + rounding) / denominator, for a rounding less than the denominator; (denominator - 1) * numerator must
 * fit in 64 bits. */
static inline uint64_t ticks_scale_rounded(uint64_t value, uint64_t numerator, uint64_t denominator,
                                           uint64_t rounding)
{
    uint64_t whole, sum, rest = (value % denominator) * numerator;

    if (__builtin_mul_overflow(value / denominator, numerator, &whole) ||
        __builtin_add_overflow(whole, rest / denominator + (rest % denominator + rounding >= denominator),
                               &sum))
        return UINT64_MAX;
    return sum;
}

static inline uint64_t ticks_scale_up(uint64_t value, uint64_t numerator, uint64_t denominator)
{
    return ticks_scale_rounded(value, numerator, denominator, denominator - 1);
}

static inline uint64_t ticks_from_ns(uint64_t nanoseconds, uint64_t hz)
{
    return ticks_scale_rounded(nanoseconds, hz, NANOSECONDS_PER_SECOND, 0);
}

static inline uint64_t ticks_to_ns(uint64_t ticks, uint64_t hz)
{
    return ticks_scale_up(ticks, NANOSECONDS_PER_SECOND, hz);
}

/* Sum of times that stays at "never" instead of wrapping. */
static inline uint64_t ticks_add(uint64_t time, uint64_t delay)
{
    uint64_t sum;

    return __builtin_add_overflow(time, delay, &sum) ? UINT64_MAX : sum;
}

#endif
