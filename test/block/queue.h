/* SPDX-License-Identifier: MIT */
/*
 * A BLOCK client without the client library: a queue of 32 tags, one request at a time or whatever bytes one likes, and a region.
 */
#ifndef TEST_BLOCK_QUEUE_H
#define TEST_BLOCK_QUEUE_H

#include "contract/block/client.h"
#include "lib/base/memory.h"
#include "lib/base/session.h"
#include "lib/ring/ring.h"

#include <stdbool.h>

enum {
    DEPTH = 32,
    SEGMENTS = 64,
    SUBMISSION = sizeof(struct block_state),
    COMPLETION = SUBMISSION + sizeof(struct ring_shared) + DEPTH * sizeof(struct block_element),
    TABLE = COMPLETION + sizeof(struct ring_shared) + DEPTH * sizeof(struct block_completion),
    QUEUE_SIZE = TABLE + SEGMENTS * sizeof(struct block_segment),
    REGION_SIZE = 256 << 10,
};

struct queue {
    struct connection connection;
    struct memory memory;
    struct memory data;   /* region 0, with `write` */
    struct memory source; /* region 1, without */
    struct ring_producer submission;
    struct ring_consumer completion;
    struct block_segment *segments;
    uint32_t own, server; /* notifications */
};

[[nodiscard]] enum status queue_open(struct queue *queue, const char *label, const char *args, uint64_t ram);
/* With fresh memory. */
[[nodiscard]] enum status queue_connect(struct queue *queue);
void queue_close(struct queue *queue);

void queue_stage(struct queue *queue, const struct block_element *element);
void queue_kick(struct queue *queue);
/* Waits, at most a few seconds: ERR_TIMEOUT. ERR_PEER_GONE: the server has ended the queue. */
[[nodiscard]] enum status queue_next(struct queue *queue, struct block_completion *out);
/* Stage, kick, wait: the request's status. */
[[nodiscard]] enum status queue_do(struct queue *queue, const struct block_element *element);

/* One segment, at `offset` of the region. */
struct block_element queue_element(struct queue *queue, enum block_operation operation, uint64_t offset,
                                   uint32_t length, uint32_t region, uint64_t region_offset);

#endif
