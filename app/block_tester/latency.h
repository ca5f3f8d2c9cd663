/* SPDX-License-Identifier: MIT */
/*
 * How long requests took: counts by logarithm with sixteen steps between powers of two, so a percentile is right to 1/16, and
 * nothing is kept for a request. Hardware-free; the unit is the caller's.
 */
#ifndef APP_BLOCK_TESTER_LATENCY_H
#define APP_BLOCK_TESTER_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS_LOG 4u
#define LATENCY_STEPS     (1u << LATENCY_STEPS_LOG)
#define LATENCY_BUCKETS   (44u << LATENCY_STEPS_LOG) /* up to 2^47; more counts as that */

struct latency {
    uint64_t count, most;
    uint32_t counts[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, uint64_t took);
void latency_merge(struct latency *sum, const struct latency *other);

/* The least value that so many of a thousand requests do not exceed, rounded up to the bucket's end; 0 if there were none. */
uint64_t latency_permille(const struct latency *latency, unsigned permille);

#endif
