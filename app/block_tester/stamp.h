/* SPDX-License-Identifier: MIT */
/*
 * Self-describing sectors: each 512 bytes of test data say where they belong, which write made them and whose it was, and
 * all of them depend on that. So a sector that is read tells by itself whether it is stale, misplaced, torn or foreign.
 *
 * Hardware-free.
 */
#ifndef APP_BLOCK_TESTER_STAMP_H
#define APP_BLOCK_TESTER_STAMP_H

#include <stdint.h>

#define SECTOR_SIZE 512u

struct stamp {
    uint64_t sector;     /* of the view */
    uint32_t generation; /* of the write */
    uint32_t writer;
};

enum stamp_kind {
    STAMP_WHOLE,   /* a sector of test data, consistent */
    STAMP_ZERO,    /* nothing but zeroes */
    STAMP_TORN,    /* begins or ends as test data, but is not of one write */
    STAMP_FOREIGN, /* no test data */
};

/* Fills SECTOR_SIZE bytes, aligned to 8. */
void stamp_write(const struct stamp *stamp, void *bytes);

/* *out is written if the kind is STAMP_WHOLE. */
enum stamp_kind stamp_read(const void *bytes, struct stamp *out);

#endif
