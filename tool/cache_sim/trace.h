/* SPDX-License-Identifier: MIT */
/*
 * Traces of block requests, as the keys that they make a cache look up.
 *
 * CSV: lines `time,op,lba,bytes`. The first line may be a heading, `#` begins a comment, empty lines are skipped. `time` is a
 * number and is ignored; `op` is one of R W r w or read write READ WRITE; `lba` counts sectors (512 bytes, unless said otherwise);
 * `bytes` is the length.
 *
 * oracleGeneral (libCacheSim): records of 24 bytes, little-endian: time u32, object u64, size u32, next access i64. The
 * object is taken as the lba.
 *
 * A request of length 0 counts as one block, as in the start keying.
 */
#ifndef TOOL_CACHE_SIM_TRACE_H
#define TOOL_CACHE_SIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TRACE_REQUEST_MAX (1ull << 30) /* bytes of one request: more is a mistake in the trace */

struct trace_options {
    bool split;      /* a key for each block that a request touches; else its lba is the only one */
    uint64_t sector; /* bytes of an lba */
    uint64_t block;  /* bytes of a block */
};

struct trace {
    uint64_t *keys;
    size_t key_count, key_room;
    size_t requests;
    size_t distinct; /* keys */
};

/* Adds a file. False: what is wrong has been said on stderr, with the line or record. */
bool trace_read_csv(struct trace *trace, const struct trace_options *options, const char *name, FILE *file);
bool trace_read_oracle(struct trace *trace, const struct trace_options *options, const char *name,
                       FILE *file);

/* After the last file: counts distinct keys. */
bool trace_finish(struct trace *trace);
void trace_free(struct trace *trace);

#endif
