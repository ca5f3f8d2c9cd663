/* SPDX-License-Identifier: MIT */
/*
 * Bitmap of slot numbers, hardware-free and lock-free: a set bit is a number in use.
 *
 * A range never crosses a word of 64 numbers, so one compare-and-swap takes it whole. Numbers at or above `limit` are
 * never given out; the limit may rise.
 */
#ifndef LIB_BASE_SLOTS_H
#define LIB_BASE_SLOTS_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define SLOTS_MAX   65536u
#define SLOTS_WORDS (SLOTS_MAX / 64)

struct slots {
    uint32_t limit;
    uint32_t hint; /* word to look at first; only a hint */
    uint64_t used[SLOTS_WORDS];
};

/* Numbers below `first` are in use for ever. */
void slots_init(struct slots *slots, uint32_t first, uint32_t limit);
void slots_raise_limit(struct slots *slots, uint32_t limit);

/* `count` adjacent numbers, 1..64. ERR_NO_CAPS: no such range is free. */
[[nodiscard]] enum status slots_take(struct slots *slots, unsigned count, uint32_t *first);

/* Returns false (and does nothing) if a number of the range was not in use: the caller's bug. */
[[nodiscard]] bool slots_give(struct slots *slots, uint32_t first, unsigned count);

#endif
