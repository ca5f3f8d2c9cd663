/* SPDX-License-Identifier: MIT */
#include "app/block_tester/latency.h"

/* Values below 2 * LATENCY_STEPS have a bucket each; of larger ones the highest bits below the first one count. */
static unsigned bucket(uint64_t value)
{
    if (value < LATENCY_STEPS)
        return (unsigned)value;

    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - LATENCY_STEPS_LOG;
    uint64_t index = ((uint64_t)shift << LATENCY_STEPS_LOG) + (value >> shift);

    return index < LATENCY_BUCKETS ? (unsigned)index : LATENCY_BUCKETS - 1;
}

/* The largest value of a bucket. */
static uint64_t bucket_end(unsigned index)
{
    if (index < LATENCY_STEPS)
        return index;

    unsigned shift = (index >> LATENCY_STEPS_LOG) - 1;

    return ((uint64_t)(index - (shift << LATENCY_STEPS_LOG) + 1) << shift) - 1;
}

void latency_add(struct latency *latency, uint64_t took)
{
    latency->count++;
    latency->counts[bucket(took)]++;
    if (took > latency->most)
        latency->most = took;
}

void latency_merge(struct latency *sum, const struct latency *other)
{
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        sum->counts[i] += other->counts[i];
    sum->count += other->count;
    if (other->most > sum->most)
        sum->most = other->most;
}

uint64_t latency_permille(const struct latency *latency, unsigned permille)
{
    uint64_t wanted = (latency->count * permille + 999) / 1000, seen = 0;

    for (unsigned i = 0; wanted && i < LATENCY_BUCKETS; i++) {
        seen += latency->counts[i];
        if (seen >= wanted)
            return bucket_end(i) < latency->most ? bucket_end(i) : latency->most;
    }
    return 0;
}
