/* SPDX-License-Identifier: MIT */
/*
 * TERMINAL: two byte streams between a client and a screen with keyboard, or a serial line.
 *
 * The client owns the memory: one dataspace with two rings of lib/ring with one-byte elements. At `output_offset` is the
 * ring that the client writes, at `input_offset` the one that it reads; each takes `..._size` bytes. The client sends it
 * with its own notification by CONNECT and receives the server's. CONNECT again replaces both (fresh memory after a
 * server's restart).
 */
#ifndef CONTRACT_TERMINAL_WIRE_H
#define CONTRACT_TERMINAL_WIRE_H

#include <stdint.h>

#define TERMINAL_SERVICE    "TERMINAL"
#define TERMINAL_MEMORY_MAX (1u << 20)

enum terminal_opcode {
    TERMINAL_CONNECT =
        1,             /* struct terminal_connect, capability 0: dataspace, 1: client's notification (SIGNAL)
                             -> capability 0: server's notification (SIGNAL) */
    TERMINAL_SIZE = 2, /* - -> struct terminal_size */
    TERMINAL_OPCODE_COUNT = 3,
};

struct terminal_connect {
    uint32_t output_offset, output_size; /* bytes in the dataspace; offsets are multiples of 64 */
    uint32_t input_offset, input_size;
    uint32_t output_elements, input_elements; /* powers of two */
};

struct terminal_size {
    uint32_t columns, rows; /* 0: not known (serial line) */
};

_Static_assert(sizeof(struct terminal_connect) == 24, "wire");
_Static_assert(sizeof(struct terminal_size) == 8, "wire");

#endif
