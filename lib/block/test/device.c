/* SPDX-License-Identifier: MIT */
/* A device that completes in any order, fails what it likes, and is full when it likes; see world.h. */
#include "lib/block/test/world.h"

#include "lib/range/range.h"

static bool writes(const struct block_job *job)
{
    return job->operation == BLOCK_WRITE || job->operation == BLOCK_DISCARD ||
           job->operation == BLOCK_WRITE_ZEROES;
}

/* ---- what may be submitted ---- */

static void check_pieces(const struct block_job *job)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < job->piece_count; i++) {
        const struct block_piece *piece = &job->pieces[i];

        MUST(piece->region && range_ok(piece->offset, piece->length, piece->region->size));
        MUST(job->operation == BLOCK_WRITE || piece->region->write);
        MUST(((piece->offset | piece->length) & (world->device.device.limits.alignment - 1)) == 0);
        sum += piece->length;
    }
    MUST(job->piece_count <= world->device.device.limits.pieces_max);
    MUST(sum == job->length);
}

/* D1, D4, D6 */
static void check_job(const struct block_job *job)
{
    const struct block_limits *limits = &world->device.device.limits;
    uint64_t most = job->operation == BLOCK_DISCARD        ? limits->discard_max
                    : job->operation == BLOCK_WRITE_ZEROES ? limits->write_zeroes_max
                                                           : limits->transfer_max;

    if (job->operation == BLOCK_FLUSH) {
        MUST(job->flags == 0 && job->piece_count == 0 && job->length == 0);
        return;
    }
    MUST(job->length != 0 && job->length <= most && range_ok(job->offset, job->length, limits->size));
    MUST(((job->offset | job->length) & (limits->block_size - 1)) == 0);
    MUST(!writes(job) || !(limits->flags & BLOCK_READ_ONLY));
    MUST((job->flags & ~BLOCK_FUA) == 0 && (job->flags == 0 || (limits->flags & BLOCK_HAS_FUA)));
    if (job->operation == BLOCK_READ || job->operation == BLOCK_WRITE)
        check_pieces(job);
    else
        MUST(job->piece_count == 0);
    MUST(job->operation != BLOCK_DISCARD ||
         ((limits->flags & BLOCK_HAS_DISCARD) && job->offset % limits->discard_granularity == 0 &&
          job->length % limits->discard_granularity == 0));
    MUST(job->operation != BLOCK_WRITE_ZEROES || (limits->flags & BLOCK_HAS_WRITE_ZEROES));
}

static bool alone(const struct block_job *job)
{
    return world->device.device.limits.exclusive && job->operation != BLOCK_READ &&
           job->operation != BLOCK_WRITE;
}

/* D2, D3, D5 */
static void check_others(const struct fake_device *device, const struct block_job *job)
{
    MUST(device->count < device->device.limits.depth);
    for (unsigned i = 0; i < device->count; i++) {
        const struct block_job *other = device->jobs[i];

        MUST(other != job && !alone(job) && !alone(other));
        MUST(job->operation != BLOCK_FLUSH || other->operation != BLOCK_FLUSH);
        if ((writes(job) || writes(other)) && job->operation != BLOCK_FLUSH &&
            other->operation != BLOCK_FLUSH)
            MUST(!ranges_overlap(job->offset, job->length, other->offset, other->length));
    }
}

/* G9: what a barrier write waits for is durable before it. */
static void check_barrier(const struct fake_device *device, const struct block_job *job)
{
    struct fake_client *client;
    struct fake_request *request = request_of(job, &client);

    if (!request)
        return;
    request->in_device = true;
    MUST(!request->cancelled && !request->denied);
    if (!(request->element.flags & BLOCK_BARRIER))
        return;
    for (unsigned i = 0; i < WORLD_BLOCKS; i++)
        MUST(device->durable.of[i] >= request->required.of[i]);
}

/* ---- doing it ---- */

static void piece_copy(const struct block_job *job, uint8_t *disk)
{
    for (unsigned i = 0; i < job->piece_count; i++) {
        const struct block_piece *piece = &job->pieces[i];
        uint8_t *memory = (uint8_t *)piece->region->address_opt + piece->offset;

        if (job->operation == BLOCK_READ)
            memcpy(memory, disk, piece->length);
        else
            memcpy(disk, memory, piece->length);
        disk += piece->length;
    }
}

/* Only the first `length` bytes, if it fails. */
static void write_blocks(struct fake_device *device, const struct block_job *job, uint64_t length)
{
    static uint8_t data[WORLD_BLOCKS * WORLD_BLOCK];

    memset(data, job->operation == BLOCK_DISCARD ? 0xdd : 0, job->length);
    if (job->operation == BLOCK_WRITE)
        piece_copy(job, data);
    memcpy(device->disk + job->offset, data, length);
    device->clock++;
    for (uint64_t i = job->offset / WORLD_BLOCK; i < (job->offset + length) / WORLD_BLOCK; i++) {
        device->written.of[i] = device->clock;
        if (job->flags & BLOCK_FUA)
            device->durable.of[i] = device->clock;
    }
}

static void job_execute(struct fake_device *device, struct block_job *job, enum status status, uint64_t done)
{
    struct fake_client *client;
    struct fake_request *request = request_of(job, &client);

    for (unsigned i = 0; i < WORLD_BLOCKS && job->operation == BLOCK_FLUSH && status == OK; i++)
        if (device->durable.of[i] < device->flushing.of[i])
            device->durable.of[i] = device->flushing.of[i];
    if (job->operation == BLOCK_READ)
        piece_copy(job, device->disk + job->offset);
    if (writes(job))
        write_blocks(device, job, done);
    if (!request)
        return;
    if (job->operation == BLOCK_READ)
        memcpy(request->expected, device->disk + job->offset, job->length);
    request->order = ++device->clock;
    request->version = device->written.of[job->offset / WORLD_BLOCK];
    if (!request->first_version)
        request->first_version = request->version;
}

static void job_end(struct fake_device *device, struct block_job *job)
{
    bool fails = chance(1000) < device->errors, was = device->inside;
    uint64_t done = job->length;

    if (fails)
        done = chance((unsigned)(job->length / WORLD_BLOCK + 1)) * (uint64_t)WORLD_BLOCK;
    job_execute(device, job, fails ? ERR_IO : OK, done);
    device->inside = true;
    block_job_done(job, fails ? ERR_IO : OK, done);
    device->inside = was;
}

static enum status submit(struct block_device *base, struct block_job *job)
{
    struct fake_device *device = (struct fake_device *)base;

    MUST(!device->inside); /* D7 */
    check_job(job);
    check_others(device, job);
    if (chance(1000) < device->again) {
        device->wants_retry = true;
        return ERR_AGAIN;
    }
    check_barrier(device, job);
    device->submitted++;
    if (job->operation == BLOCK_FLUSH) {
        device->flushes++;
        device->flushing = device->written;
    }
    device->inside = true;
    if (chance(1000) < device->at_once)
        job_end(device, job);
    else
        device->jobs[device->count++] = job;
    device->inside = false;
    return OK;
}

static void kick(struct block_device *base)
{
    struct fake_device *device = (struct fake_device *)base;

    MUST(!device->inside);
    if (chance(4) == 0 && world->clients[0] && world->clients[0]->connected)
        client_submit_some(world->clients[0], 3); /* on another processor */
}

void device_complete_some(struct fake_device *device, unsigned most)
{
    while (device->count && most--) {
        unsigned i = chance(device->count);
        struct block_job *job = device->jobs[i];

        device->jobs[i] = device->jobs[--device->count];
        job_end(device, job);
    }
}

void device_make(struct fake_device *device)
{
    static const struct block_device_ops ops = {.submit = submit, .kick = kick};

    device->device.ops = &ops;
    device->device.verifier = 1000;
    device->device.limits = (struct block_limits){
        .size = WORLD_BLOCKS * WORLD_BLOCK,
        .block_size = WORLD_BLOCK,
        .physical_block_size = WORLD_BLOCK,
        .depth = 2 + chance(WORLD_PLACES - 1),
        .transfer_max = WORLD_SLICE,
        .pieces_max = 8,
        .alignment = chance(2) ? 4 : 1,
        .discard_max = 100 * WORLD_BLOCK,
        .discard_granularity = 8 * WORLD_BLOCK,
        .write_zeroes_max = 200 * WORLD_BLOCK,
        .flags = (chance(2) ? BLOCK_HAS_FUA : 0) | (chance(2) ? BLOCK_HAS_DISCARD : 0) |
                 (chance(2) ? BLOCK_HAS_WRITE_ZEROES : 0),
        .exclusive = chance(2),
    };
    device->errors = chance(3) ? 0 : 100;
    device->again = chance(2) ? 0 : 100;
    device->at_once = chance(2) ? 0 : chance(2) ? 1000 : chance(1000);
}
