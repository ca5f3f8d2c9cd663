/* SPDX-License-Identifier: MIT */
/*
 * A submission queue with its completion queue, of the same depth.
 *
 * A command's identifier is a slot. There are `depth - 1` slots, so neither queue can be full. The controller is a stranger:
 * a completion whose identifier is no slot in use is counted and dropped, and nothing that it says moves an index by more than one.
 *
 * Submitting: nvme_queue_take() gives a slot and a zeroed command to fill in; nvme_queue_ring() tells the controller of all of them.
 * Completing: nvme_queue_reap() until it is false, then nvme_queue_acknowledge().
 */
#ifndef DRIVER_BLOCK_NVME_QUEUE_H
#define DRIVER_BLOCK_NVME_QUEUE_H

#include "driver/block/nvme/nvme.h"

#include <stdbool.h>

#define NVME_DEPTH_MAX 256u

struct nvme_queue {
    const struct nvme_hardware *hardware;
    struct nvme_command *submission;
    const struct nvme_completion *completion;
    uint64_t submission_bus, completion_bus;
    uint32_t tail_doorbell, head_doorbell; /* register offsets */
    uint16_t depth, id;
    uint16_t tail, told; /* of the submission queue: ours, and as the controller knows it */
    uint16_t head, acknowledged;
    uint16_t phase; /* of completions that are new */
    uint16_t free_count;
    uint16_t free[NVME_DEPTH_MAX];
    void *owner_opt[NVME_DEPTH_MAX]; /* of each slot in use */
    uint64_t stray;                  /* completions for nobody */
};

struct nvme_done {
    void *owner;
    uint16_t slot;
    uint32_t dw0, status;
};

/* Bytes of memory that a queue takes; it begins at a page. */
static inline uint64_t nvme_queue_size(uint32_t depth)
{
    uint64_t submission =
        ((uint64_t)depth * sizeof(struct nvme_command) + NVME_PAGE - 1) & ~(NVME_PAGE - 1ull);

    return submission + (uint64_t)depth * sizeof(struct nvme_completion);
}

/* `depth`: 2 to NVME_DEPTH_MAX. `stride`: bytes between doorbells. Clears the memory: the controller must not know the queue. */
void nvme_queue_init(struct nvme_queue *queue, const struct nvme_hardware *hardware, uint16_t id,
                     uint16_t depth, uint32_t stride, struct nvme_memory memory);

/* NULL: all slots are in use. Opcode and everything else are the caller's; the identifier is set. */
struct nvme_command *nvme_queue_take(struct nvme_queue *queue, void *owner, uint8_t opcode, uint16_t *slot);
void nvme_queue_ring(struct nvme_queue *queue);

/* One completion; its slot is free afterwards. False: there is none. */
bool nvme_queue_reap(struct nvme_queue *queue, struct nvme_done *out);
void nvme_queue_acknowledge(struct nvme_queue *queue);

static inline bool nvme_queue_idle(const struct nvme_queue *queue)
{
    return queue->free_count == queue->depth - 1;
}

#endif
