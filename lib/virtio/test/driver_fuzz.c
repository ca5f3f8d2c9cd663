/* SPDX-License-Identifier: MIT */
/*
 * A hostile device at the driver's side: it writes anywhere into the queue's memory at any time. No chain may
 * be completed that is not with the device, or twice, or with more bytes than it has room for, and free
 * descriptors never get lost or double.
 *
 * Input: shape of the queue, then steps: add, publish, write a byte, return something, collect, sleep.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/virtio/queue_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_TESTED = 8 };

struct input {
    const uint8_t *data;
    size_t left;
};

static unsigned take(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++;
}

static void must(int condition)
{
    if (!condition)
        abort();
}

enum request_state { IDLE, ADDED, WITH_DEVICE };

struct request {
    enum request_state state;
    uint32_t room;
    unsigned descriptors;
};

struct fuzz {
    struct virtqueue_driver queue;
    struct virtqueue_slot slots[SIZE_MAX_TESTED];
    struct request requests[SIZE_MAX_TESTED];
    struct virtq_layout layout;
    uint8_t *memory;
};

static void add(struct fuzz *fuzz, struct input *input)
{
    struct virtqueue_buffer buffers[4] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}};
    unsigned readable = take(input) % 3, writable = take(input) % 3, i = 0;
    bool indirect = take(input) & 1;
    enum status status;

    while (i < SIZE_MAX_TESTED && fuzz->requests[i].state != IDLE)
        i++;
    if (i == SIZE_MAX_TESTED || readable + writable == 0)
        return;
    struct request *request = &fuzz->requests[i];
    request->room = 0;
    for (unsigned k = 0; k < writable; k++)
        request->room += buffers[readable + k].length;
    request->descriptors = indirect ? 1 : readable + writable;
    status = indirect ? virtqueue_driver_add_indirect(&fuzz->queue, 64, readable + writable, request->room,
                                                      request)
                      : virtqueue_driver_add(&fuzz->queue, buffers, readable, writable, request);
    if (status == OK)
        request->state = ADDED;
}

static void publish(struct fuzz *fuzz)
{
    (void)virtqueue_driver_publish(&fuzz->queue);
    for (unsigned i = 0; i < SIZE_MAX_TESTED; i++)
        if (!fuzz->queue.broken && fuzz->requests[i].state == ADDED)
            fuzz->requests[i].state = WITH_DEVICE;
}

static void collect(struct fuzz *fuzz)
{
    uint32_t written = 0;
    void *token = NULL;

    if (virtqueue_driver_collect(&fuzz->queue, &token, &written) != OK)
        return;
    struct request *request = token;
    must(request >= fuzz->requests && request < fuzz->requests + SIZE_MAX_TESTED);
    must(request->state == WITH_DEVICE && written <= request->room);
    request->state = IDLE;
}

static void check(const struct fuzz *fuzz)
{
    unsigned free = fuzz->queue.free_count, next = fuzz->queue.free_head;
    bool seen[SIZE_MAX_TESTED] = {false};

    for (unsigned i = 0; i < SIZE_MAX_TESTED; i++)
        free += fuzz->requests[i].state == IDLE ? 0 : fuzz->requests[i].descriptors;
    must(free == fuzz->queue.size);
    for (unsigned i = 0; i < fuzz->queue.free_count; i++) {
        must(next < fuzz->queue.size && !seen[next] && fuzz->slots[next].count == 0);
        seen[next] = true;
        next = fuzz->slots[next].next;
    }
}

static void step(struct fuzz *fuzz, struct input *input)
{
    uint8_t *used = fuzz->memory + fuzz->layout.used;
    bool sleep;

    switch (take(input) % 8) {
    case 0:
    case 1: add(fuzz, input); break;
    case 2: publish(fuzz); break;
    case 3: {
        unsigned at = take(input);
        fuzz->memory[at % fuzz->layout.total] = (uint8_t)take(input);
        break;
    }
    case 4:
    case 5: { /* a used entry that is at least possible */
        unsigned slot = used[2] % fuzz->queue.size;
        used[4 + 8 * slot] = (uint8_t)(take(input) % (SIZE_MAX_TESTED + 1));
        used[8 + 8 * slot] = (uint8_t)(take(input) % 9);
        used[2]++;
        break;
    }
    case 6: collect(fuzz); break;
    default: (void)virtqueue_driver_prepare_sleep(&fuzz->queue, 1 + (take(input) & 3), &sleep);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct fuzz fuzz = {0};
    unsigned shape = take(&input);
    uint16_t count = (uint16_t)(1u << (shape & 3));

    must(virtq_layout(count, &fuzz.layout) == OK);
    fuzz.memory = aligned_alloc(64, fuzz.layout.total);
    memset(fuzz.memory, 0, fuzz.layout.total);
    must(virtqueue_driver_open(fuzz.memory, fuzz.slots, count, shape & 4, &fuzz.queue) == OK);
    while (input.left > 0) {
        step(&fuzz, &input);
        check(&fuzz);
    }
    free(fuzz.memory);
    return 0;
}
