/* SPDX-License-Identifier: MIT */
/*
 * A trace of requests as text, one a line: `time,op,lba,bytes`, op R, W, or F for a FLUSH, lba in sectors of 512 bytes. Lines that begin
 * with # and a head line are left out; times are not looked at. Hardware-free; the text may be anything.
 */
#ifndef APP_BLOCK_TESTER_TRACE_H
#define APP_BLOCK_TESTER_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace {
    const char *text;
    size_t length, at;
    uint64_t bad_lines;
};

struct trace_record {
    char operation;          /* R, W, F */
    uint64_t offset, length; /* bytes */
};

/* The next request. False: the end. */
bool trace_next(struct trace *trace, struct trace_record *out);

#endif
