/* SPDX-License-Identifier: MIT */
/*
 * LOG: text for people. The server puts the session's label before each line; a chunk may hold several lines, and one
 * line may come in several chunks.
 */
#ifndef CONTRACT_LOG_WIRE_H
#define CONTRACT_LOG_WIRE_H

#include <stdint.h>

#define LOG_SERVICE  "LOG"
#define LOG_TEXT_MAX 1024u

enum log_opcode {
    LOG_WRITE = 1, /* struct log_write -> - */
    LOG_OPCODE_COUNT = 2,
};

/* Sent up to the last byte of text, rounded up to words. */
struct log_write {
    uint32_t length;   /* 1 .. LOG_TEXT_MAX */
    uint32_t reserved; /* 0 */
    char text[LOG_TEXT_MAX];
};

_Static_assert(sizeof(struct log_write) == 1032, "wire");

#endif
