/* SPDX-License-Identifier: MIT */
/*
 * A hostile device at the driver: it says anything in its registers and writes anything into the memory it
 * shares, at any time. Each job must be done exactly once or be in flight, and nothing outside of the shared
 * memory is touched.
 *
 * Input: first the device's registers, then steps.
 */
#include <stdlib.h>
#include <string.h>

#include "driver/block/virtio/block.h"
#include "lib/device/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SLOTS = 8, MEMORY_MAX = 1 << 20 };

static struct input {
    const uint8_t *data;
    size_t left;
} input;

static uint8_t take(void)
{
    if (input.left == 0)
        return 0;
    input.left--;
    return *input.data++;
}

static void must(int condition)
{
    if (!condition)
        abort();
}

/* ---- the device: what was written is read back, unless the input says otherwise ---- */

static struct fuzz {
    struct transport transport;
    struct virtio_pci_common_cfg common;
    struct virtio_blk_config config;
    bool stopped;
    struct virtio_block block;
    struct slot {
        struct block_job job;
        bool busy;
    } slots[SLOTS];
    uint8_t *memory;
    uint64_t size;
    unsigned in_flight;
} fuzz;

static uint32_t read_register(struct transport *transport, enum transport_area area, unsigned offset,
                              unsigned width)
{
    const uint8_t *from = area == TRANSPORT_COMMON ? (uint8_t *)&fuzz.common : (uint8_t *)&fuzz.config;
    uint32_t value = 0;

    (void)transport;
    memcpy(&value, from + offset, width);
    if (area == TRANSPORT_COMMON && offset == offsetof(struct virtio_pci_common_cfg, device_feature))
        value |= fuzz.common.device_feature_select == 1; /* VERSION_1 */
    if (take() == 0xa5)
        value ^= take();
    return value;
}

static void write_register(struct transport *transport, unsigned offset, unsigned width, uint32_t value)
{
    (void)transport;
    if (offset != offsetof(struct virtio_pci_common_cfg, queue_size))
        memcpy((uint8_t *)&fuzz.common + offset, &value, width);
}

static enum status notify_at(struct transport *transport, unsigned queue, uint16_t notify_off)
{
    (void)transport;
    (void)queue;
    (void)notify_off;
    return OK;
}

static void notify(struct transport *transport, unsigned queue)
{
    (void)transport;
    must(queue < fuzz.block.queue_count && !fuzz.stopped);
}

static enum status rested(struct transport *transport)
{
    (void)transport;
    return OK;
}

static enum status function_reset(struct transport *transport)
{
    (void)transport;
    return take() & 1 ? OK : ERR_UNSUPPORTED;
}

static void stop(struct transport *transport)
{
    (void)transport;
    fuzz.stopped = true;
}

/* ---- the engine ---- */

uint64_t device_dma_address(const struct device_mapping *mapping, uint64_t offset, uint64_t *contiguous)
{
    (void)mapping;
    *contiguous = 4096 - offset % 4096;
    return offset;
}

void block_server_check_memory(struct block_device *device)
{
    (void)device;
}

void block_job_done(struct block_job *job, enum status status, uint64_t done)
{
    struct slot *slot = (struct slot *)job;

    must(slot->busy && (status != OK || done == job->length));
    slot->busy = false;
    fuzz.in_flight--;
}

static void submit(void)
{
    static struct block_region region;
    static struct block_piece pieces[SLOTS];
    struct slot *slot = &fuzz.slots[take() % SLOTS];
    const struct block_limits *limits = &fuzz.block.device.limits;
    enum block_operation operation = (enum block_operation)(take() % 5 + 1);
    uint64_t most = operation == BLOCK_DISCARD        ? limits->discard_max
                    : operation == BLOCK_WRITE_ZEROES ? limits->write_zeroes_max
                                                      : limits->transfer_max;
    struct block_piece *piece = &pieces[slot - fuzz.slots];

    if (slot->busy || (most == 0 && operation != BLOCK_FLUSH))
        return;
    *piece = (struct block_piece){.region = &region, .offset = take(), .length = (uint32_t)most};
    slot->job = (struct block_job){.operation = operation, .offset = 4096, .length = most};
    if (operation == BLOCK_READ || operation == BLOCK_WRITE)
        slot->job.pieces = piece, slot->job.piece_count = 1;
    if (operation == BLOCK_FLUSH)
        slot->job.offset = slot->job.length = 0;
    slot->busy = true;
    fuzz.in_flight++;
    if (virtio_block_submit(&fuzz.block, &slot->job) != OK) {
        must(slot->busy);
        slot->busy = false;
        fuzz.in_flight--;
    }
}

/* Returns something in a queue that is at least possible. */
static void answer(void)
{
    struct queue *queue = &fuzz.block.queues[take() % fuzz.block.queue_count];
    struct virtq_used *used = queue->ring.used;

    if (fuzz.stopped)
        return;
    used->ring[used->idx % queue->size] = (struct virtq_used_elem){take() % 16, 1u + take() * 512u};
    used->idx++;
    for (unsigned i = 0; i < fuzz.block.depth && i < 8; i++)
        fuzz.block.requests[i].memory->status = take() & 3;
}

static void step(void)
{
    switch (take() % 8) {
    case 0:
    case 1: submit(); break;
    case 2: virtio_block_kick(&fuzz.block); break;
    case 3: answer(); break;
    case 4: (void)virtio_block_interrupt(&fuzz.block, take() % (QUEUES_MAX + 1)); break;
    case 5: virtio_block_config_interrupt(&fuzz.block); break;
    case 6: virtio_block_tick(&fuzz.block); break;
    default: {
        uint64_t at = (uint64_t)take() << 16 | (uint64_t)take() << 8 | take();
        fuzz.memory[at % fuzz.size] = take();
    }
    }
    must(fuzz.in_flight == fuzz.block.in_flight);
}

static void fuzz_run(void)
{
    const char *reason = NULL;

    if (virtio_block_probe(&fuzz.block, &reason) != OK) {
        must(reason != NULL);
        return;
    }
    fuzz.size = virtio_block_memory_size(&fuzz.block);
    if (fuzz.size > MEMORY_MAX)
        return;
    fuzz.memory = aligned_alloc(64, fuzz.size);
    memset(fuzz.memory, 0, fuzz.size);
    struct request *requests = calloc(fuzz.block.depth, sizeof(*requests));
    struct virtqueue_slot *slots = calloc(virtio_block_slots(&fuzz.block), sizeof(*slots));
    if (virtio_block_start(&fuzz.block, fuzz.memory, 1 << 20, requests, slots, &reason) == OK)
        while (input.left > 0)
            step();
    free(fuzz.memory);
    free(requests);
    free(slots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = (struct input){data, size};
    memset(&fuzz, 0, sizeof(fuzz));
    fuzz.transport =
        (struct transport){read_register, write_register, notify_at, notify, rested, function_reset, stop};
    fuzz.block = (struct virtio_block){.transport = &fuzz.transport,
                                       .queues_wanted = 1u + take() % 4,
                                       .depth_wanted = SLOTS,
                                       .timeout_ticks = 2,
                                       .vector_count = take() % 4};
    fuzz.config = (struct virtio_blk_config){.capacity = 4096,
                                             .seg_max = 4u * take(),
                                             .size_max = 4096u * take(),
                                             .blk_size = take() & 1 ? 512 : 4096,
                                             .num_queues = take() % 8,
                                             .max_discard_sectors = take(),
                                             .max_write_zeroes_sectors = take()};
    fuzz.common = (struct virtio_pci_common_cfg){
        .device_feature = take() | (uint32_t)take() << 8 | (uint32_t)take() << 16 | (uint32_t)take() << 24,
        .num_queues = take() % 8,
        .queue_size = (uint16_t)(1u << take() % 12)};
    fuzz_run();
    return 0;
}
