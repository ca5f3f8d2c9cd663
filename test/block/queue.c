/* SPDX-License-Identifier: MIT */
/* See queue.h. */
#include "test/block/queue.h"

#include "lib/base/cap.h"
#include "lib/base/notification.h"
#include "lib/base/time.h"
#include "lib/block/quota.h"

#define WAIT_NS 20000000000ull

static const struct block_connect layout = {.depth = DEPTH,
                                            .segments = SEGMENTS,
                                            .submission_offset = SUBMISSION,
                                            .completion_offset = COMPLETION,
                                            .segment_offset = TABLE,
                                            .size = QUEUE_SIZE};

enum status queue_connect(struct queue *queue)
{
    uint8_t *base;
    enum status status;

    if (queue->memory.size)
        memory_free(&queue->memory);
    cap_free(queue->server);
    queue->server = CAP_NONE;
    status = memory_alloc(QUEUE_SIZE, &queue->memory);
    if (status != OK)
        return status;
    base = queue->memory.address;
    queue->segments = (struct block_segment *)(void *)(base + TABLE);
    status = ring_producer_open(base + SUBMISSION, COMPLETION - SUBMISSION, DEPTH,
                                sizeof(struct block_element), &queue->submission);
    if (status == OK)
        status = ring_consumer_open(base + COMPLETION, TABLE - COMPLETION, DEPTH,
                                    sizeof(struct block_completion), &queue->completion);
    while (status == OK) {
        uint64_t bits;

        status = block_connect(queue->connection.slot, &layout, queue->memory.dataspace, queue->own,
                               &queue->server);
        if (status != ERR_AGAIN)
            break;
        status = notification_wait(queue->own, time_after_ns(WAIT_NS), &bits);
    }
    return status;
}

static enum status region(struct queue *queue, struct memory *memory, bool write, uint32_t wanted)
{
    const struct block_region_add add = {.size = REGION_SIZE, .write = write};
    uint32_t id;
    enum status status = memory_alloc(REGION_SIZE, memory);

    if (status == OK)
        status = block_region_add(queue->connection.slot, &add, memory->dataspace, &id);
    return status == OK && id != wanted ? ERR_INVALID : status;
}

enum status queue_open(struct queue *queue, const char *label, const char *args, uint64_t ram)
{
    uint64_t needed =
        BLOCK_SESSION_RAM + block_queue_ram(DEPTH, SEGMENTS, QUEUE_SIZE) + 2 * block_attach_ram(REGION_SIZE);
    const struct session_options options = {.service = BLOCK_SERVICE,
                                            .label_opt = label,
                                            .args_opt = args,
                                            .ram = ram ? ram : needed,
                                            .caps = BLOCK_SESSION_CAPS};
    enum status status;

    *queue = (struct queue){0};
    status = session_open(&options, &queue->connection);
    if (status != OK)
        return status;
    status = notification_create(&queue->own);
    if (status == OK)
        status = region(queue, &queue->data, true, 0);
    if (status == OK)
        status = region(queue, &queue->source, false, 1);
    if (status == OK)
        status = queue_connect(queue);
    if (status != OK)
        queue_close(queue);
    return status;
}

void queue_close(struct queue *queue)
{
    session_close(&queue->connection);
    if (queue->memory.size)
        memory_free(&queue->memory);
    if (queue->data.size)
        memory_free(&queue->data);
    if (queue->source.size)
        memory_free(&queue->source);
    cap_free(queue->server);
    if (queue->own != CAP_NONE)
        notification_destroy(queue->own);
    *queue = (struct queue){0};
}

void queue_stage(struct queue *queue, const struct block_element *element)
{
    (void)ring_stage(&queue->submission, element);
}

void queue_kick(struct queue *queue)
{
    if (ring_publish(&queue->submission))
        notification_signal(queue->server);
}

static bool ended(struct queue *queue)
{
    struct block_info info;

    return block_info(queue->connection.slot, &info) != OK || (info.flags & BLOCK_QUEUE_ENDED);
}

enum status queue_next(struct queue *queue, struct block_completion *out)
{
    bool notify, may_sleep;
    uint64_t bits;

    for (;;) {
        enum status status = ring_pop(&queue->completion, out, &notify);

        if (status != ERR_AGAIN)
            return status;
        status = ring_consumer_prepare_sleep(&queue->completion, &may_sleep);
        if (status != OK)
            return status;
        if (!may_sleep)
            continue;
        if (ended(queue))
            return ERR_PEER_GONE;
        status = notification_wait(queue->own, time_after_ns(WAIT_NS), &bits);
        if (status != OK)
            return status;
    }
}

enum status queue_do(struct queue *queue, const struct block_element *element)
{
    struct block_completion completion;
    enum status status;

    queue_stage(queue, element);
    queue_kick(queue);
    status = queue_next(queue, &completion);
    if (status != OK)
        return status;
    if (completion.tag != element->tag || (completion.status == OK && completion.done != element->length))
        return ERR_INVALID;
    return completion.status;
}

struct block_element queue_element(struct queue *queue, enum block_operation operation, uint64_t offset,
                                   uint32_t length, uint32_t index, uint64_t region_offset)
{
    struct block_element element = {.operation = operation, .offset = offset, .length = length, .tag = 5};

    if (operation != BLOCK_READ && operation != BLOCK_WRITE)
        return element;
    queue->segments[7] = (struct block_segment){.offset = region_offset, .length = length, .region = index};
    element.segment = 7;
    element.segments = 1;
    return element;
}
