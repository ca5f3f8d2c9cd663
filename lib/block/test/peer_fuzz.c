/* SPDX-License-Identifier: MIT */
/*
 * A hostile client: anything in the memory of its queue, at any time, beside an honest one.
 *
 * The input is a series of steps: bytes written somewhere in the queue (or a well-formed element, spoiled by some of them), a
 * notification, completions of the device, a change of the device, a new queue. Whatever reaches the device must keep its contract, the honest
 * client's READ must complete, and closing must leave nothing behind.
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/block/test/rig.h"
#include "lib/range/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t left;

static uint32_t next(unsigned bytes)
{
    uint32_t value = 0;

    while (bytes-- && left) {
        value = value << 8 | *input++;
        left--;
    }
    return value;
}

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* What the device relies on (D1). */
static void check_jobs(const struct rig_client *honest)
{
    const struct block_limits *limits = &rig.device.limits;

    must(rig.count <= limits->depth);
    for (unsigned i = 0; i < rig.count; i++) {
        const struct block_job *job = rig.jobs[i];
        uint64_t sum = 0;

        must(((const struct engine_job *)(const void *)job)->session_opt == &honest->session ||
             job->operation == BLOCK_FLUSH || job->offset < 32 << 20);
        must(range_ok(job->offset, job->length, RIG_SIZE) && job->length % 512 == 0);
        for (unsigned k = 0; k < job->piece_count; k++) {
            const struct block_piece *piece = &job->pieces[k];

            must(range_ok(piece->offset, piece->length, piece->region->size));
            must(job->operation != BLOCK_READ || piece->region->write);
            sum += piece->length;
        }
        must(job->piece_count <= limits->pieces_max);
        must((job->operation != BLOCK_READ && job->operation != BLOCK_WRITE) || sum == job->length);
    }
}

/* A good element, then `count` bytes of it, or of its segment, are spoiled. */
static void spoil(struct rig_client *client)
{
    uint32_t tag = next(1) % RIG_DEPTH, count = next(1) % 4;
    struct block_element element =
        rig_element(client, tag, 1 + next(1) % 6, next(2) * 512ull, (1 + next(1) % 16) * 512);

    element.flags = next(1) % 4;
    if (element.operation == BLOCK_FLUSH || element.operation == BLOCK_CANCEL)
        element.length = 0;
    if (element.operation == BLOCK_FLUSH)
        element.offset = 0;
    while (count--) {
        uint8_t *place = next(1) % 2 ? (uint8_t *)&element : (uint8_t *)&client->segments[tag];

        place[next(1) % (place == (uint8_t *)&element ? sizeof(element) : sizeof(struct block_segment))] =
            (uint8_t)next(1);
    }
    if (ring_stage(&client->submission, &element) == OK)
        (void)ring_publish(&client->submission);
}

static void reconnect(struct rig_client *client)
{
    if (engine_queue_close(&client->session))
        rig_connect(client);
}

static void change(void)
{
    uint32_t what = next(1);

    rig.device.limits.exclusive = what & 1;
    rig.device.limits.flags ^= what & (BLOCK_GONE | BLOCK_HAS_DISCARD | BLOCK_HAS_FUA | BLOCK_READ_ONLY);
    rig.full = what & 64;
    rig.device.verifier += what >> 7;
    block_engine_changed(&rig.engine);
}

static void step(struct rig_client *hostile)
{
    struct rig_client *client = hostile;
    uint32_t what = next(1);

    switch (what % 8) {
    case 0: client->memory[next(2) % sizeof(client->memory)] = (uint8_t)next(1); break;
    case 1:
    case 2:
    case 3: spoil(client); break;
    case 4:
        engine_session_wake(&client->session);
        rig_run();
        break;
    case 5:
        while (rig.count && next(1) % 4)
            rig_done(next(1) % rig.count, next(1) % 4 ? OK : ERR_IO);
        break;
    case 6:
        if (what & 8)
            change();
        else
            reconnect(client);
        break;
    default: (void)rig_take(client);
    }
}

/* Nothing that the other one does keeps it from being served. */
static void serve_honest(struct rig_client *honest)
{
    rig.full = false;
    rig.device.limits.flags &= ~(unsigned)BLOCK_GONE;
    block_engine_changed(&rig.engine);
    rig_put(honest, 0, BLOCK_READ, 0, 4096);
    rig_run();
    while (rig.count)
        rig_done(0, OK);
    must(rig_take(honest) && honest->last == OK && !honest->session.queue.ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct rig_client *hostile, *honest;
    uint32_t shape;

    input = bytes;
    left = size;
    shape = next(1);
    rig_make(2 + shape % 8);
    rig.device.limits.alignment = shape & 8 ? 1 : 4;
    block_engine_changed(&rig.engine);
    hostile = rig_client(0, 32 << 20, true, false);
    honest = rig_client(32 << 20, UINT64_MAX, true, false);
    while (left) {
        step(hostile);
        check_jobs(honest);
    }
    serve_honest(honest);
    must(engine_session_close(&hostile->session) && engine_session_close(&honest->session));
    must(rig.engine.in_device == 0 && rig.engine.idle == 0 && rig.engine.ranges.writers == 0);
    must(hostile->session.regions[0].users == 0 && hostile->session.regions[1].users == 0);
    must(list_empty(&rig.engine.active) && list_empty(&rig.engine.flush_waiting));
    free(hostile);
    free(honest);
    return 0;
}
