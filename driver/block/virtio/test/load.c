/* SPDX-License-Identifier: MIT */
/* The load of the driver's tests; see load.h. */
#include "driver/block/virtio/test/load.h"

#include <stdlib.h>
#include <string.h>

#include "test/check.h"

enum { PAGE = 4096 };

/* ---- jobs ---- */

static struct load *current;

static uint64_t share(const struct load *load, const struct slot *slot)
{
    return (uint64_t)(slot - load->slots) * LOAD_SHARE;
}

/* Where byte `at` of the job's data is. */
static uint8_t *data_at(struct slot *slot, uint64_t at)
{
    unsigned i = 0;

    while (at >= slot->pieces[i].length)
        at -= slot->pieces[i++].length;
    return slot->memory + slot->pieces[i].offset + at;
}

/* Some pieces, in order but with holes, that add up to `length`. */
static void pieces_make(struct slot *slot, uint64_t length)
{
    uint64_t at = (uint64_t)rand() % 512, left = length;
    unsigned count = 0;

    while (left > 0) {
        uint64_t part = count + 1 == LOAD_PIECES || rand() % 3 == 0 ? left : (uint64_t)rand() % left + 1;
        slot->pieces[count++] =
            (struct block_piece){.region = &slot->region, .offset = at, .length = (uint32_t)part};
        at += part + (uint64_t)rand() % 128;
        left -= part;
    }
    slot->job.pieces = slot->pieces;
    slot->job.piece_count = count;
}

static void read_verify(struct load *load, struct slot *slot)
{
    uint64_t begin = slot->job.offset - share(load, slot);
    uint64_t wrong = 0;

    for (uint64_t i = 0; i < slot->job.length; i++)
        wrong += slot->defined[begin + i] && *data_at(slot, i) != slot->expected[begin + i];
    CHECK_EQ(wrong, 0);
}

/* What is certain about the disk after the job. */
static void note(struct load *load, struct slot *slot, enum status status)
{
    uint64_t begin = slot->job.offset - share(load, slot);

    for (uint64_t i = 0; i < slot->job.length; i++) {
        slot->defined[begin + i] = status == OK && slot->job.operation != BLOCK_DISCARD;
        slot->expected[begin + i] = slot->job.operation == BLOCK_WRITE ? *data_at(slot, i) : 0;
    }
}

void block_job_done(struct block_job *job, enum status status, uint64_t done)
{
    struct slot *slot = (struct slot *)job;

    REQUIRE(slot->busy);
    CHECK_EQ(done, status == OK ? job->length : 0);
    CHECK(status == OK || current->errors_allowed);
    slot->busy = false;
    slot->status = status;
    slot->done++;
    current->completed++;
    current->failed += status != OK;
    if (job->operation == BLOCK_FLUSH)
        current->flush_runs = false;
    else if (job->operation != BLOCK_READ)
        note(current, slot, status);
    else if (status == OK)
        read_verify(current, slot);
}

void block_server_check_memory(struct block_device *device)
{
    REQUIRE(device == &current->block.device && !current->fake.no_master);
    current->checked++;
}

void load_submit(struct load *load, struct slot *slot, enum block_operation operation)
{
    const struct block_limits *limits = &load->block.device.limits;
    uint64_t blocks = LOAD_SHARE / limits->block_size, first = (uint64_t)rand() % blocks;
    uint64_t most = operation == BLOCK_DISCARD        ? limits->discard_max
                    : operation == BLOCK_WRITE_ZEROES ? limits->write_zeroes_max
                                                      : limits->transfer_max;
    uint64_t length = ((uint64_t)rand() % (blocks - first) + 1) * limits->block_size;

    slot->job = (struct block_job){.operation = operation};
    if (operation != BLOCK_FLUSH) {
        slot->job.offset = share(load, slot) + first * limits->block_size;
        slot->job.length = length < most ? length : most;
    }
    if (operation == BLOCK_READ || operation == BLOCK_WRITE)
        pieces_make(slot, slot->job.length);
    for (uint64_t i = 0; operation == BLOCK_WRITE && i < slot->job.length; i++)
        *data_at(slot, i) = (uint8_t)rand();
    slot->busy = true;
    load->flush_runs |= operation == BLOCK_FLUSH;
    load->issued++;
    if (virtio_block_submit(&load->block, &slot->job) == OK)
        return;
    load->issued--;
    load->refused++;
    load->flush_runs &= operation != BLOCK_FLUSH;
    slot->busy = false;
}

void load_random(struct load *load)
{
    struct slot *slot = &load->slots[rand() % LOAD_SLOTS];
    enum block_operation operation = (enum block_operation)(rand() % 5 + 1);
    unsigned flags = load->block.device.limits.flags;

    if (slot->busy || (operation == BLOCK_FLUSH && load->flush_runs) ||
        (operation == BLOCK_DISCARD && !(flags & BLOCK_HAS_DISCARD)) ||
        (operation == BLOCK_WRITE_ZEROES && !(flags & BLOCK_HAS_WRITE_ZEROES)))
        return;
    load_submit(load, slot, operation);
}

/* ---- rounds ---- */

static void interrupts(struct load *load)
{
    if (!load->driver_has_interrupts)
        return;
    for (unsigned i = 0; i < FAKE_QUEUES; i++) {
        if (!load->fake.queues[i].interrupt)
            continue;
        load->fake.queues[i].interrupt = false;
        (void)virtio_block_interrupt(&load->block, i);
    }
    if (load->fake.config_interrupt) {
        load->fake.config_interrupt = false;
        virtio_block_config_interrupt(&load->block);
    }
}

void load_round(struct load *load, unsigned jobs)
{
    for (unsigned i = 0; i < jobs; i++)
        load_random(load);
    virtio_block_kick(&load->block);
    fake_run(&load->fake);
    interrupts(load);
    CHECK_EQ(load->issued - load->completed, load->block.in_flight);
}

bool load_drain(struct load *load, unsigned rounds, bool ticks)
{
    while (load->block.in_flight > 0 && rounds-- > 0) {
        load_round(load, 0);
        if (ticks)
            virtio_block_tick(&load->block);
    }
    return load->block.in_flight == 0;
}

void load_check_disk(struct load *load)
{
    uint64_t wrong = 0;

    for (unsigned i = 0; i < LOAD_SLOTS; i++)
        for (unsigned k = 0; k < LOAD_SHARE; k++)
            wrong += load->slots[i].defined[k] &&
                     load->slots[i].expected[k] != load->fake.disk[share(load, &load->slots[i]) + k];
    CHECK_EQ(wrong, 0);
}

/* ---- start ---- */

static void slot_init(struct load *load, struct slot *slot, uint8_t *memory, uint64_t bus)
{
    slot->memory = memory;
    slot->mapping =
        (struct device_mapping){.size = 2 * LOAD_SHARE, .run_count = LOAD_RUNS, .runs = slot->runs};
    for (unsigned i = 0; i < LOAD_RUNS; i++)
        slot->runs[i] =
            (struct device_run){.offset = (uint64_t)i * PAGE, .address = bus + (uint64_t)i * PAGE};
    slot->region =
        (struct block_region){.size = 2 * LOAD_SHARE, .mapping_opt = &slot->mapping, .write = true};
    memset(slot->defined, true, sizeof(slot->defined));
    (void)load;
}

static uint8_t *client_memory;

void load_init(struct load *load)
{
    uint64_t size = (uint64_t)LOAD_SLOTS * 2 * LOAD_SHARE;

    memset(load, 0, sizeof(*load));
    current = load;
    fake_init(&load->fake);
    client_memory = aligned_alloc(PAGE, size);
    memset(client_memory, 0, size);
    uint64_t bus = fake_lend(&load->fake, client_memory, size, true);
    for (uint64_t i = 0; i < LOAD_SLOTS; i++)
        slot_init(load, &load->slots[i], client_memory + i * 2 * LOAD_SHARE, bus + i * 2 * LOAD_SHARE);
    load->block = (struct virtio_block){.transport = &load->fake.transport,
                                        .queues_wanted = 4,
                                        .depth_wanted = 48,
                                        .timeout_ticks = 3,
                                        .confined = true,
                                        .vector_count = FAKE_QUEUES + 1,
                                        .device = {.verifier = 1000}};
    load->driver_has_interrupts = true;
}

enum status load_start(struct load *load)
{
    enum status status = virtio_block_probe(&load->block, &load->reason);

    if (status != OK)
        return status;
    uint64_t size = virtio_block_memory_size(&load->block);
    load->memory = aligned_alloc(64, size);
    memset(load->memory, 0, size);
    load->requests = calloc(load->block.depth, sizeof(struct request));
    load->queue_slots = calloc(virtio_block_slots(&load->block), sizeof(struct virtqueue_slot));
    return virtio_block_start(&load->block, load->memory, fake_lend(&load->fake, load->memory, size, true),
                              load->requests, load->queue_slots, &load->reason);
}

void load_free(struct load *load)
{
    fake_free(&load->fake);
    free(client_memory);
    free(load->memory);
    free(load->requests);
    free(load->queue_slots);
}
