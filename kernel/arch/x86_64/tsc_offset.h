/* SPDX-License-Identifier: MIT */
/*
 * How far the time-stamp counters of two CPUs are apart, from readings that one CPU took before and after the other took its own.
 * Hardware-free.
 *
 * Each reading says: remote - after <= offset <= remote - before. All of them together say what the offset can be; and if
 * they contradict each other, the counters do not run at the same rate.
 */
#ifndef KERNEL_ARCH_X86_64_TSC_OFFSET_H
#define KERNEL_ARCH_X86_64_TSC_OFFSET_H

#include <stdbool.h>
#include <stdint.h>

/* What the other counter shows more than ours: at least `low`, at most `high`. */
struct tsc_offset {
    int64_t low, high;
};

/* Nothing is known yet. */
#define TSC_OFFSET_UNKNOWN ((struct tsc_offset){INT64_MIN, INT64_MAX})

void tsc_offset_add(struct tsc_offset *offset, uint64_t before, uint64_t remote, uint64_t after);

enum tsc_verdict {
    TSC_AGREES, /* nobody can see a difference */
    TSC_DIFFERS,
    TSC_UNSTEADY, /* contradictory readings */
};
enum tsc_verdict tsc_offset_verdict(const struct tsc_offset *offset);

/* What to add to the other counter. */
int64_t tsc_offset_correction(const struct tsc_offset *offset);

#endif
