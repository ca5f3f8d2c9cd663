/* SPDX-License-Identifier: MIT */
/*
 * Processor time: what a session's threads or virtual CPUs may have of it.
 *
 * Session arguments: `priority=N` (the most), `cpu=FIRST, cpus=COUNT` (a range of CPUs), `slice=MICROSECONDS` (of one
 * turn among equal priorities). A client names CPUs by their index in the range, from 0 on, so it needs no knowledge of
 * the machine. Without arguments the range is all CPUs.
 */
#ifndef CORE_TIME_SHARE_H
#define CORE_TIME_SHARE_H

#include "core/kernel_objects.h"

struct time_share {
    uint32_t priority_limit;
    uint32_t cpu, cpus; /* the first one, and how many */
    uint64_t slice;     /* TSC ticks */
};

/* A range is cut at the machine's end. ERR_RANGE: it begins behind that, or is empty; a slice out of bounds. */
[[nodiscard]] enum status time_share_parse(const char *args, struct time_share *out);

/* The machine's number of CPU `index` of the range; ERR_RANGE. */
[[nodiscard]] enum status time_share_cpu(const struct time_share *share, uint32_t index, uint32_t *cpu);

/* A scheduling context for a thread or virtual CPU, on the account behind `kmem`. `cpu` is the machine's number, and that
   of the context; the priority is cut to the limit. */
[[nodiscard]] enum status time_share_attach(const struct time_share *share, struct kmem *kmem, uint32_t slot,
                                            uint32_t context, uint32_t priority, uint32_t cpu);

#endif
