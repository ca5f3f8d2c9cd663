/* SPDX-License-Identifier: MIT */
/*
 * What a disk may hold, by the page of guarantees, and nothing of how the client or the server work.
 *
 * Each write has a serial number, which its data consist of, and times of submission and end. A half block (blocks may be torn
 * while a write is in flight, G16) may hold a write's data unless another write that must be there was submitted after the
 * end of that one. Which must be there: for a READ, those that were done with OK before it was submitted; for the platter,
 * those that were done before a FLUSH was submitted that was done with OK (G6), those with FUA (G8), and those that were done
 * before a barrier write was submitted that is there (G9).
 */
#ifndef LIB_BLOCK_TEST_ORACLE_H
#define LIB_BLOCK_TEST_ORACLE_H

#include "lib/block/test/fake_disk.h"

#include <stdbool.h>
#include <stdint.h>

enum { ORACLE_WRITES = 8192, ORACLE_HALF_WORDS = FAKE_BLOCK / 16 };

#define ORACLE_NEVER UINT64_MAX

struct oracle_write {
    enum block_operation operation;
    unsigned flags;
    uint64_t first, blocks;
    uint64_t submitted, ended;
    bool good; /* done with OK, and not acknowledged as lost */
};

struct oracle {
    struct oracle_write writes[ORACLE_WRITES]; /* by serial; 0 is what was there in the beginning */
    uint32_t count;
    uint64_t time;
    uint64_t flushed; /* those done before are durable */
};

void oracle_init(struct oracle *oracle);
/* The serial of a write that is submitted now. */
uint32_t oracle_submit(struct oracle *oracle, enum block_operation operation, unsigned flags, uint64_t offset,
                       uint64_t length);
void oracle_end(struct oracle *oracle, uint32_t serial, enum status status);
/* A FLUSH that was submitted at `submitted` is done with OK. */
void oracle_flushed(struct oracle *oracle, uint64_t submitted);
/* What was done and not flushed may be lost, and the client has been told. */
void oracle_lost(struct oracle *oracle);

/* The data of block `block` by write `serial`. */
void oracle_fill(uint32_t serial, uint64_t block, uint8_t *data);

/* Checks what a READ, submitted at `submitted`, has brought. */
void oracle_check_read(const struct oracle *oracle, uint64_t submitted, uint64_t block, const uint8_t *data);
/* Would the promises hold if the power went now? */
void oracle_check_platter(const struct oracle *oracle, const uint8_t *platter);

#endif
