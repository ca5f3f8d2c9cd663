/* SPDX-License-Identifier: MIT */
/* See queue.h; NVMe 1.4, section 4.1. */
#include "driver/block/nvme/queue.h"

#include "lib/string/string.h"

void nvme_queue_init(struct nvme_queue *queue, const struct nvme_hardware *hardware, uint16_t id,
                     uint16_t depth, uint32_t stride, struct nvme_memory memory)
{
    uint64_t offset = ((uint64_t)depth * sizeof(struct nvme_command) + NVME_PAGE - 1) & ~(NVME_PAGE - 1ull);
    uint8_t *bytes = memory.address;

    memset(bytes, 0, nvme_queue_size(depth));
    *queue = (struct nvme_queue){
        .hardware = hardware,
        .submission = memory.address,
        .completion = (const struct nvme_completion *)(bytes + offset),
        .submission_bus = memory.bus,
        .completion_bus = memory.bus + offset,
        .tail_doorbell = NVME_DOORBELLS + 2 * id * stride,
        .head_doorbell = NVME_DOORBELLS + (2 * id + 1u) * stride,
        .depth = depth,
        .id = id,
        .phase = 1,
        .free_count = (uint16_t)(depth - 1),
    };
    for (uint16_t i = 0; i < depth - 1; i++)
        queue->free[i] = (uint16_t)(depth - 2 - i);
}

static uint16_t next(const struct nvme_queue *queue, uint16_t index)
{
    return index + 1 == queue->depth ? 0 : (uint16_t)(index + 1);
}

struct nvme_command *nvme_queue_take(struct nvme_queue *queue, void *owner, uint8_t opcode, uint16_t *slot)
{
    if (queue->free_count == 0)
        return NULL;
    uint16_t taken = queue->free[--queue->free_count];
    struct nvme_command *command = &queue->submission[queue->tail];

    queue->owner_opt[taken] = owner;
    queue->tail = next(queue, queue->tail);
    *command = (struct nvme_command){.cdw0 = opcode | (uint32_t)taken << 16};
    *slot = taken;
    return command;
}

void nvme_queue_ring(struct nvme_queue *queue)
{
    if (queue->told == queue->tail)
        return;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    queue->told = queue->tail;
    queue->hardware->write(queue->hardware->context, queue->tail_doorbell, queue->tail);
}

bool nvme_queue_reap(struct nvme_queue *queue, struct nvme_done *out)
{
    for (;;) {
        const struct nvme_completion *entry = &queue->completion[queue->head];
        uint32_t status = __atomic_load_n(&entry->status, __ATOMIC_ACQUIRE);
        uint16_t slot = (uint16_t)status;

        if (NVME_PHASE(status) != queue->phase)
            return false;
        *out = (struct nvme_done){.slot = slot, .dw0 = entry->dw0, .status = status};
        queue->head = next(queue, queue->head);
        if (queue->head == 0)
            queue->phase ^= 1;
        if (slot < queue->depth - 1 && queue->owner_opt[slot])
            break;
        queue->stray++;
    }
    out->owner = queue->owner_opt[out->slot];
    queue->owner_opt[out->slot] = NULL;
    queue->free[queue->free_count++] = out->slot;
    return true;
}

void nvme_queue_acknowledge(struct nvme_queue *queue)
{
    if (queue->acknowledged == queue->head)
        return;
    queue->acknowledged = queue->head;
    queue->hardware->write(queue->hardware->context, queue->head_doorbell, queue->head);
}
