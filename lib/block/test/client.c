/* SPDX-License-Identifier: MIT */
/* Clients that keep the rules and check what they are promised; see world.h. */
#include "lib/block/test/world.h"

enum {
    SUBMISSION = sizeof(struct block_state),
    COMPLETION = SUBMISSION + sizeof(struct ring_shared) + WORLD_DEPTH * sizeof(struct block_element),
    SEGMENTS = COMPLETION + sizeof(struct ring_shared) + WORLD_DEPTH * sizeof(struct block_completion),
    QUEUE_SIZE = SEGMENTS + WORLD_DEPTH * WORLD_PIECES * sizeof(struct block_segment),
    REGION_SIZE = WORLD_DEPTH * WORLD_SLICE,
};

static bool writes(const struct block_element *element)
{
    return element->operation == BLOCK_WRITE || element->operation == BLOCK_WRITE_ZEROES ||
           element->operation == BLOCK_DISCARD;
}

/* NULL: of the engine, or of a queue that has gone. */
struct fake_request *request_of(const struct block_job *opaque, struct fake_client **client)
{
    const struct engine_job *job = (const struct engine_job *)(const void *)opaque;

    if (!job->session_opt)
        return NULL;
    *client = (struct fake_client *)job->session_opt;

    struct fake_request *request = &(*client)->requests[job->tag];

    return (*client)->connected && request->used ? request : NULL;
}

/* ---- life ---- */

void client_connect(struct fake_client *client)
{
    const struct block_connect layout = {.depth = WORLD_DEPTH,
                                         .segments = WORLD_DEPTH * WORLD_PIECES,
                                         .submission_offset = SUBMISSION,
                                         .completion_offset = COMPLETION,
                                         .segment_offset = SEGMENTS,
                                         .size = QUEUE_SIZE};

    client->memory = aligned_alloc(64, (QUEUE_SIZE + 63) & ~63);
    memset(client->memory, 0, QUEUE_SIZE);
    client->jobs = calloc(WORLD_DEPTH, sizeof(*client->jobs));
    client->pieces = calloc(WORLD_DEPTH * WORLD_PIECES, sizeof(*client->pieces));
    client->segments = (struct block_segment *)(void *)(client->memory + SEGMENTS);
    MUST(ring_producer_open(client->memory + SUBMISSION, COMPLETION - SUBMISSION, WORLD_DEPTH,
                            sizeof(struct block_element), &client->submission) == OK);
    MUST(ring_consumer_open(client->memory + COMPLETION, SEGMENTS - COMPLETION, WORLD_DEPTH,
                            sizeof(struct block_completion), &client->completion) == OK);
    memset(client->requests, 0, sizeof(client->requests));
    MUST(engine_queue_open(&client->session, client->memory, &layout, client->jobs, client->pieces) == OK);
    client->connected = client->notified = true;
    client->reconnects = false;
    world_run();
}

void client_queue_free(struct fake_client *client)
{
    free(client->memory);
    free(client->jobs);
    free(client->pieces);
    client->memory = NULL;
    client->jobs = NULL;
    client->pieces = NULL;
    client->session.queue = (struct engine_queue){0};
}

/* Then `reconnects` says that it may connect again; at once, or after `drained`. */
void client_disconnect(struct fake_client *client)
{
    bool now = engine_queue_close(&client->session);

    client->connected = false;
    if (now)
        client->reconnects = true;
    if (now)
        client_queue_free(client);
}

struct fake_client *client_make(const struct block_view *view)
{
    struct fake_client *client = calloc(1, sizeof(*client));

    MUST(engine_session_open(&world->engine, &client->session, view) == OK);
    client->may_write = view->write;
    client->acknowledged = world->device.device.verifier;
    for (unsigned i = 0; i < 2; i++) {
        client->regions[i] = malloc(REGION_SIZE);
        memset(client->regions[i], 0x11, REGION_SIZE);
        client->session.regions[i + 3] = (struct engine_region){
            .region = {.address_opt = client->regions[i], .size = REGION_SIZE, .write = i == 0},
            .present = true};
    }
    client_connect(client);
    return client;
}

void client_free(struct fake_client *client)
{
    client_queue_free(client);
    free(client->regions[0]);
    free(client->regions[1]);
    free(client);
}

void client_close(struct fake_client *client)
{
    client->connected = false;
    if (engine_session_close(&client->session))
        client_free(client);
    else
        world->leaving++;
}

/* ---- submitting ---- */

static void fill(struct fake_client *client, struct fake_request *request)
{
    static uint32_t stamp;

    for (unsigned i = 0; i < request->element.segments; i++) {
        const struct block_segment *segment = &request->segments[i];
        uint32_t *words = (uint32_t *)(void *)(client->regions[segment->region - 3] + segment->offset);

        stamp++;
        for (unsigned k = 0; k < segment->length / 4; k++)
            words[k] = stamp * 0x9e3779b9u + k;
    }
}

/* Pieces of a slice, the last part of the data first. */
static void segments_make(struct fake_client *client, struct fake_request *request)
{
    struct block_element *element = &request->element;
    uint64_t left = element->length, end = (element->tag + 1) * (uint64_t)WORLD_SLICE;

    element->segment = element->tag * WORLD_PIECES;
    for (unsigned i = 0; left; i++) {
        uint64_t length = i == WORLD_PIECES - 1 || chance(2) ? left : 4 * (1 + chance((unsigned)left / 4));
        bool readable = element->operation == BLOCK_WRITE && chance(2);

        end -= length;
        left -= length;
        request->segments[i] =
            (struct block_segment){.offset = end, .length = (uint32_t)length, .region = 3 + readable};
        client->segments[element->segment + i] = request->segments[i];
        element->segments = i + 1;
    }
    if (element->operation == BLOCK_WRITE)
        fill(client, request);
}

static void range_make(const struct fake_client *client, struct fake_request *request)
{
    struct block_element *element = &request->element;
    unsigned blocks = (unsigned)(client->session.size / WORLD_BLOCK);
    unsigned most = element->operation == BLOCK_DISCARD        ? 100
                    : element->operation == BLOCK_WRITE_ZEROES ? 200
                    : chance(8)                                ? 16
                                                               : WORLD_SLICE / WORLD_BLOCK;
    unsigned offset = chance(chance(2) && blocks > 32 ? 32 : blocks), length = 1 + chance(most);

    if (length > blocks - offset && chance(20))
        length = blocks - offset;
    request->denied = length > blocks - offset;
    element->offset = offset * (uint64_t)WORLD_BLOCK;
    element->length = length * (uint64_t)WORLD_BLOCK;
}

static void request_make(struct fake_client *client, struct fake_request *request, uint32_t tag)
{
    static const uint16_t operations[] = {BLOCK_READ,  BLOCK_READ,    BLOCK_READ,         BLOCK_READ,
                                          BLOCK_WRITE, BLOCK_WRITE,   BLOCK_WRITE,        BLOCK_WRITE,
                                          BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES, BLOCK_CANCEL};
    struct block_element *element = &request->element;

    *request = (struct fake_request){.used = true, .required = world->completed};
    element->tag = tag;
    element->operation = operations[chance(sizeof(operations) / sizeof(*operations))];
    if (element->operation == BLOCK_CANCEL)
        element->offset = chance(WORLD_DEPTH + 1);
    else if (element->operation != BLOCK_FLUSH)
        range_make(client, request);
    if (element->operation == BLOCK_READ || element->operation == BLOCK_WRITE)
        segments_make(client, request);
    if (element->operation == BLOCK_WRITE || element->operation == BLOCK_WRITE_ZEROES)
        element->flags = (chance(6) ? 0 : BLOCK_FUA) | (chance(10) ? 0 : BLOCK_BARRIER);
    if (writes(element) && !client->may_write)
        request->denied = true;
}

void client_submit_some(struct fake_client *client, unsigned most)
{
    while (most--) {
        uint32_t tag = chance(WORLD_DEPTH);

        if (client->requests[tag].used)
            continue;
        request_make(client, &client->requests[tag], tag);
        MUST(ring_stage(&client->submission, &client->requests[tag].element) == OK);
    }
    if (!ring_publish(&client->submission))
        return;
    client->notifications++;
    client->signalled = true;
    if (!world->running)
        world_run();
}

/* ---- completions ---- */

/* What was read is what the device had when it carried it out. */
static void check_read(const struct fake_client *client, const struct fake_request *request)
{
    const uint8_t *expected = request->expected;

    for (unsigned i = 0; i < request->element.segments; i++) {
        const struct block_segment *segment = &request->segments[i];

        MUST(memcmp(client->regions[segment->region - 3] + segment->offset, expected, segment->length) == 0);
        expected += segment->length;
    }
}

/* The whole range was written, and what nobody has written since is as it should be. */
static void check_write(const struct fake_client *client, const struct fake_request *request)
{
    static uint8_t data[WORLD_BLOCKS * WORLD_BLOCK];
    const struct fake_device *device = &world->device;
    uint64_t first = (client->session.view.offset + request->element.offset) / WORLD_BLOCK, at = 0;

    memset(data, 0, request->element.length);
    for (unsigned i = 0; i < request->element.segments; i++) {
        const struct block_segment *segment = &request->segments[i];

        memcpy(data + at, client->regions[segment->region - 3] + segment->offset, segment->length);
        at += segment->length;
    }
    for (uint64_t i = 0; i < request->element.length / WORLD_BLOCK; i++) {
        uint64_t version = device->written.of[first + i];

        MUST(version >= request->first_version);
        if (version <= request->version)
            MUST(memcmp(device->disk + (first + i) * WORLD_BLOCK, data + i * WORLD_BLOCK, WORLD_BLOCK) == 0);
        if (request->element.flags & BLOCK_FUA) /* G8 */
            MUST(device->durable.of[first + i] >= request->first_version);
        if (world->completed.of[first + i] < request->first_version)
            world->completed.of[first + i] = request->first_version;
    }
}

/* G3: who was carried out before and overlaps has been completed before. */
static void check_order(const struct fake_client *client, const struct fake_request *request)
{
    for (unsigned i = 0; i < WORLD_DEPTH; i++) {
        const struct fake_request *other = &client->requests[i];

        if (!other->used || !other->order || other == request || !request->order ||
            (!writes(&other->element) && !writes(&request->element)))
            continue;
        MUST(other->order > request->order ||
             !ranges_overlap(other->element.offset, other->element.length, request->element.offset,
                             request->element.length));
    }
}

static void check_ok(struct fake_client *client, struct fake_request *request,
                     const struct block_completion *completion)
{
    const struct block_element *element = &request->element;

    MUST(!request->denied || element->operation == BLOCK_CANCEL);
    MUST(completion->done == element->length);
    if (element->operation == BLOCK_FLUSH)
        MUST(client->acknowledged >= completion->verifier); /* G19 */
    for (unsigned i = 0; i < WORLD_BLOCKS && element->operation == BLOCK_FLUSH; i++)
        MUST(world->device.durable.of[i] >= request->required.of[i]); /* G6 */
    if (element->operation == BLOCK_READ)
        check_read(client, request);
    if (element->operation == BLOCK_WRITE || element->operation == BLOCK_WRITE_ZEROES)
        check_write(client, request);
    if (element->operation == BLOCK_CANCEL) /* G15 */
        MUST(client->last[element->offset] == ERR_ABORTED);
}

static bool cancel_in_flight(const struct fake_client *client, uint32_t tag)
{
    for (unsigned i = 0; i < WORLD_DEPTH; i++)
        if (client->requests[i].used && client->requests[i].element.operation == BLOCK_CANCEL &&
            client->requests[i].element.offset == tag)
            return true;
    return false;
}

static void check_failure(const struct fake_client *client, const struct fake_request *request,
                          const struct block_completion *completion)
{
    const struct block_element *element = &request->element;

    switch (completion->status) {
    case ERR_ABORTED: /* G15 */ MUST(!request->in_device && cancel_in_flight(client, completion->tag)); break;
    case ERR_NOT_FOUND: MUST(element->operation == BLOCK_CANCEL); break;
    case ERR_DENIED: MUST(!client->may_write && writes(element)); break;
    case ERR_RANGE: MUST(!request->in_device || element->operation == BLOCK_WRITE_ZEROES); break;
    case ERR_LOST: /* G19 */
        MUST(!request->in_device && (element->operation == BLOCK_FLUSH || (element->flags & BLOCK_BARRIER)));
        break;
    case ERR_IO: MUST(element->operation != BLOCK_CANCEL && completion->done <= element->length); break;
    default: MUST(!"a status that cannot be");
    }
}

static void completed(struct fake_client *client, const struct block_completion *completion)
{
    struct fake_request *request;

    MUST(completion->tag < WORLD_DEPTH && completion->reserved == 0);
    request = &client->requests[completion->tag];
    MUST(request->used); /* G1 */
    client->completions++;
    client->last[completion->tag] = completion->status;
    if (completion->status == OK)
        check_ok(client, request, completion);
    else
        check_failure(client, request, completion);
    check_order(client, request);
    request->used = false;
}

/* As after a notification: until there is nothing left, then asleep. */
void client_listen(struct fake_client *client)
{
    struct block_completion completion;
    bool may_sleep = false;

    client->notified = false;
    while (!may_sleep) {
        while (ring_take(&client->completion, &completion) == OK)
            completed(client, &completion);
        (void)ring_give_back(&client->completion);
        MUST(ring_consumer_prepare_sleep(&client->completion, &may_sleep) == OK);
    }
    client->generation = ((const struct block_state *)(const void *)client->memory)->generation;
}

bool client_busy(const struct fake_client *client)
{
    for (unsigned i = 0; i < WORLD_DEPTH; i++)
        if (client->requests[i].used)
            return true;
    return false;
}
