/* SPDX-License-Identifier: MIT */
/*
 * The two byte streams of a TERMINAL session over shared memory, hardware-free: the same code on both sides.
 *
 * Protocol: stream_write and stream_read move what they can and return how much. Whoever got less than it asked for has
 * thereby asked the peer for a notification, so it may simply go to sleep and try again when it is notified: no wake-up
 * is lost. Both set *notify when the peer is to be notified; whoever calls must do it.
 *
 * The peer is hostile. ERR_INVALID or ERR_PEER_GONE: the peer broke the ring, the session is of no use any more.
 */
#ifndef LIB_TERMINAL_STREAM_H
#define LIB_TERMINAL_STREAM_H

#include "contract/terminal/wire.h"
#include "lib/base/status.h"
#include "lib/ring/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream {
    struct ring_producer out;
    struct ring_consumer in;
};

/* Which ring of the layout a side writes. */
enum stream_side {
    STREAM_CLIENT, /* writes the output ring, reads the input ring */
    STREAM_SERVER, /* the reverse */
};

/* A layout for rings of these many bytes, powers of two. ERR_INVALID, ERR_RANGE: impossible sizes. */
[[nodiscard]] enum status stream_layout(uint32_t output_elements, uint32_t input_elements,
                                        struct terminal_connect *out, size_t *memory_size);

/* `memory` has `size` bytes, is aligned to 64, and zeroed if it is the client who opens. The layout is checked against
   the memory: ERR_RANGE, ERR_INVALID. */
[[nodiscard]] enum status stream_open(void *memory, size_t size, const struct terminal_connect *layout,
                                      enum stream_side side, struct stream *out);

/* Writes up to `length` bytes. *taken < length: the rest must wait for the peer's notification. */
[[nodiscard]] enum status stream_write(struct stream *stream, const void *bytes, size_t length, size_t *taken,
                                       bool *notify);

/* Reads up to `size` bytes. *got < size: nothing more is there, the peer will notify. */
[[nodiscard]] enum status stream_read(struct stream *stream, void *bytes, size_t size, size_t *got,
                                      bool *notify);

#endif
