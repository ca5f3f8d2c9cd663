/* SPDX-License-Identifier: MIT */
/* See rig.h. */
#include "lib/block/test/rig.h"

#include "lib/base/panic.h"

enum {
    SUBMISSION = sizeof(struct block_state),
    COMPLETION = SUBMISSION + sizeof(struct ring_shared) + RIG_DEPTH * sizeof(struct block_element),
    TABLE = COMPLETION + sizeof(struct ring_shared) + RIG_DEPTH * sizeof(struct block_completion),
    SIZE = TABLE + RIG_DEPTH * sizeof(struct block_segment),
};

struct rig rig;
static uint8_t region[RIG_REGION];

_Noreturn void component_panic(const char *format, ...)
{
    printf("panic: %s\n", format);
    abort();
}

static enum status submit(struct block_device *device, struct block_job *job)
{
    (void)device;
    rig.submits++;
    while (rig.reaps && rig.count) {
        struct block_job *other = rig.jobs[--rig.count];

        block_job_done(other, OK, other->length);
    }
    if (rig.full)
        return ERR_AGAIN;
    if (rig.at_once)
        block_job_done(job, OK, job->length);
    else
        rig.jobs[rig.count++] = job;
    return OK;
}

static bool region_gone(struct block_device *device, const struct block_region *of)
{
    (void)device;
    LIST_EACH (link, &rig.engine.sessions) {
        struct rig_client *client = (struct rig_client *)LIST_OWNER(link, struct engine_session, link);

        if (of == &client->session.regions[rig.gone].region)
            return client == rig.guilty;
    }
    return false;
}

static void notify(struct engine_session *session)
{
    ((struct rig_client *)session)->told++;
}

static void drained(struct engine_session *session)
{
    (void)session;
    rig.drained++;
}

void rig_make(unsigned depth)
{
    static const struct block_device_ops ops = {.submit = submit, .region_gone = region_gone};
    static const struct engine_hooks hooks = {.notify = notify, .drained = drained};

    rig = (struct rig){.device = {.ops = &ops,
                                  .verifier = 7,
                                  .limits = {.size = RIG_SIZE,
                                             .block_size = 512,
                                             .physical_block_size = 512,
                                             .depth = depth,
                                             .transfer_max = 128 << 10,
                                             .pieces_max = 16,
                                             .alignment = 4,
                                             .discard_max = 1 << 20,
                                             .discard_granularity = 4096,
                                             .write_zeroes_max = 1 << 20,
                                             .flags = BLOCK_HAS_FUA | BLOCK_HAS_DISCARD}},
                       .zeroes = {.region = {.size = 64 << 10, .address_opt = region}}};
    block_engine_init(&rig.engine, &rig.device, &hooks);
    rig.engine.zeroes_opt = &rig.zeroes;
}

void rig_run(void)
{
    rig.more = block_engine_run(&rig.engine);
}

void rig_connect(struct rig_client *client)
{
    const struct block_connect layout = {.depth = RIG_DEPTH,
                                         .segments = RIG_DEPTH,
                                         .submission_offset = SUBMISSION,
                                         .completion_offset = COMPLETION,
                                         .segment_offset = TABLE,
                                         .size = SIZE};

    if (client->session.queue.open)
        REQUIRE(engine_queue_close(&client->session));
    memset(client->memory, 0, sizeof(client->memory));
    memset(client->jobs, 0, sizeof(client->jobs));
    memset(client->pieces, 0, sizeof(client->pieces));
    client->segments = (struct block_segment *)(void *)(client->memory + TABLE);
    REQUIRE(ring_producer_open(client->memory + SUBMISSION, COMPLETION - SUBMISSION, RIG_DEPTH,
                               sizeof(struct block_element), &client->submission) == OK);
    REQUIRE(ring_consumer_open(client->memory + COMPLETION, TABLE - COMPLETION, RIG_DEPTH,
                               sizeof(struct block_completion), &client->completion) == OK);
    REQUIRE(engine_queue_open(&client->session, client->memory, &layout, client->jobs, client->pieces) == OK);
    rig_run();
}

struct rig_client *rig_client(uint64_t offset, uint64_t size, bool write, bool shared)
{
    const struct block_view view = {.offset = offset, .size = size, .write = write, .shared = shared};
    struct rig_client *client = aligned_alloc(64, sizeof(*client));

    memset(client, 0, sizeof(*client));
    client->last = engine_session_open(&rig.engine, &client->session, &view);
    if (client->last != OK)
        return client;
    for (unsigned i = 0; i < 2; i++)
        client->session.regions[i] = (struct engine_region){
            .region = {.address_opt = region, .size = RIG_REGION, .write = i == 0}, .present = true};
    rig_connect(client);
    return client;
}

void rig_free(struct rig_client *client)
{
    if (client->session.engine)
        REQUIRE(engine_session_close(&client->session));
    free(client);
}

struct block_element rig_element(struct rig_client *client, uint32_t tag, enum block_operation operation,
                                 uint64_t offset, uint32_t length)
{
    struct block_element element = {
        .tag = tag, .operation = (uint16_t)operation, .offset = offset, .length = length};

    if (operation != BLOCK_READ && operation != BLOCK_WRITE)
        return element;
    client->segments[tag] = (struct block_segment){.length = length};
    element.segment = tag;
    element.segments = 1;
    return element;
}

void rig_stage(struct rig_client *client, const struct block_element *element)
{
    REQUIRE(ring_stage(&client->submission, element) == OK);
}

void rig_kick(struct rig_client *client)
{
    if (!ring_publish(&client->submission))
        return;
    client->telling++;
    engine_session_wake(&client->session);
    rig_run();
}

void rig_put(struct rig_client *client, uint32_t tag, enum block_operation operation, uint64_t offset,
             uint32_t length)
{
    struct block_element element = rig_element(client, tag, operation, offset, length);

    rig_stage(client, &element);
    rig_kick(client);
}

bool rig_take(struct rig_client *client)
{
    struct block_completion completion;
    bool may_sleep, notify_server;

    if (ring_pop(&client->completion, &completion, &notify_server) != OK) {
        (void)!ring_consumer_prepare_sleep(&client->completion, &may_sleep);
        return false;
    }
    client->last = completion.status;
    client->last_tag = completion.tag;
    client->last_done = completion.done;
    return true;
}

void rig_done(unsigned index, enum status status)
{
    struct block_job *job = rig.jobs[index];

    rig.count--;
    memmove(&rig.jobs[index], &rig.jobs[index + 1], (rig.count - index) * sizeof(struct block_job *));
    block_job_done(job, status, status == OK ? job->length : 0);
    rig_run();
}
