/* SPDX-License-Identifier: MIT */
/*
 * Physical frames: who gives them out.
 *
 * One bit a frame (set = free) and one counter for every 2 MiB block. Small requests are served from blocks that are
 * broken already, so whole blocks stay whole for those who can map them with large pages.
 *
 * Invariants: (1) free_in_block[b] is the number of set bits of block b; (2) free_count is their sum; (3) a frame that
 * was never added, or was never allocated, is not accepted by frames_free (our own bug, hence an assert).
 *
 * The window is where the frames can be read and written: frame n is at window + n * 4096.
 */
#ifndef CORE_FRAMES_H
#define CORE_FRAMES_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_SIZE   4096ull
#define BLOCK_SIZE   0x200000ull
#define BLOCK_FRAMES 512u

struct frames {
    uint64_t *bits;
    uint16_t *free_in_block;
    uint64_t blocks; /* frames from blocks * 512 on do not exist */
    uint64_t free_count;
    uint64_t hint;  /* first block that may have a free frame */
    uint64_t debts; /* bytes that accounts use beyond their limits (account.h) */
    char *window;
};

/* Bytes that frames_init needs for frames below `limit` (a physical address). */
size_t frames_metadata_size(uint64_t limit);

/* `metadata` is taken, 8-byte aligned; all frames are in use at first. */
void frames_init(struct frames *frames, void *metadata, uint64_t limit, char *window);

/* Allocates a run of 1 to `most` frames, as long as is sensible, and not zeroed. ERR_NO_RAM: none is left. */
[[nodiscard]] enum status frames_alloc(struct frames *frames, uint64_t most, uint64_t *physical,
                                       uint64_t *count);

/* Allocates exactly `count` frames in one piece, the first one at a multiple of `align` (4096 * 2^n). */
[[nodiscard]] enum status frames_alloc_contiguous(struct frames *frames, uint64_t count, uint64_t align,
                                                  uint64_t *physical);

/* Returns frames, or adds new ones. */
void frames_free(struct frames *frames, uint64_t physical, uint64_t count);

/* True if any of the frames of [physical, physical + count * 4096) is free. */
bool frames_any_free(const struct frames *frames, uint64_t physical, uint64_t count);

void *frames_pointer(const struct frames *frames, uint64_t physical);
uint64_t frames_physical(const struct frames *frames, const void *pointer);
void frames_zero(const struct frames *frames, uint64_t physical, uint64_t count);

/* Checks invariants 1 and 2; for tests and debug builds. */
bool frames_valid(const struct frames *frames);

#endif
