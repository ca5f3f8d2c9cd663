/* SPDX-License-Identifier: MIT */
/*
 * The way of a request: writer's client core -> rings -> engine -> (cache -> client core -> rings -> engine ->) disk, put together as
 * lib/block/client.c, lib/block/server.c and server/block_cache/main.c do it.
 */
#include "test/crash/crash.h"

#include "lib/base/panic.h"
#include "test/check.h"

#include <stdarg.h>

enum { DEPTH = 64, SEGMENTS = 8, CHUNK_SHIFT = 3, CHUNKS = 2, ZEROES = 8 * SECTOR, SCRATCH_REGION = CHUNKS };

/* A session between a client core and an engine. */
struct session {
    struct block_core *core;
    struct block_engine engine;
    struct engine_session session;
    struct engine_region zeroes;
    struct engine_job jobs[DEPTH];
    struct block_piece pieces[DEPTH * SEGMENTS];
    struct block_part parts[DEPTH];
    uint8_t *queue;
    void (*changed_opt)(void);
};

struct chain {
    struct session upper, lower; /* lower: below the cache */
    struct block_core core;      /* the writer's */
    struct cache cache;
    struct block_device cache_device;
    struct block_client client; /* the cache's; only its core counts */
    void *metadata;
    uint8_t *memory[BLOCK_REGIONS_MAX];
};

static struct chain chain;
static uint8_t zeroes[ZEROES];
struct block_core *writer_core = &chain.core;

_Noreturn void component_panic(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    exit(1);
}

/* ---- a session ---- */

static void nothing(struct engine_session *session)
{
    (void)session;
}

static uint32_t region_add(struct session *s, void *memory, size_t size)
{
    uint32_t number;

    REQUIRE(block_core_region_add(s->core,
                                  &(struct block_core_region){
                                      .address_opt = memory, .size = size, .write = true, .registered = true},
                                  &number) == OK);
    s->core->regions[number].wire = number;
    s->session.regions[number] = (struct engine_region){
        .region = {.address_opt = memory, .size = size, .write = true}, .present = true};
    return number;
}

static void session_make(struct session *s, struct block_core *core, struct block_device *device, bool retain)
{
    static const struct engine_hooks hooks = {.notify = nothing, .drained = nothing};
    const struct block_view view = {.size = UINT64_MAX, .write = true};
    const struct block_core_settings shape = {
        .depth = chance(2) ? DEPTH : DEPTH / 8, .segments = SEGMENTS, .retain = retain};
    struct block_connect layout;
    struct block_info info;

    s->core = core;
    block_core_init(core, &shape, s->parts);
    block_core_layout(&shape, &layout);
    s->queue = aligned_alloc(64, layout.size);
    memset(s->queue, 0, layout.size);
    block_engine_init(&s->engine, device, &hooks);
    s->zeroes = (struct engine_region){.region = {.address_opt = zeroes, .size = ZEROES}, .present = true};
    s->engine.zeroes_opt = &s->zeroes;
    REQUIRE(engine_session_open(&s->engine, &s->session, &view) == OK);
    REQUIRE(engine_queue_open(&s->session, s->queue, &layout, s->jobs, s->pieces) == OK);
    engine_session_info(&s->session, &info);
    REQUIRE(block_core_attach(core, &info, s->queue, layout.size) == OK);
}

static void client_tell(struct session *s)
{
    struct block_core *core = s->core;
    bool changed = core->changed;

    if (block_core_acknowledge_due(core)) {
        (void)!engine_session_acknowledge(&s->session, core->verifier);
        block_core_acknowledged(core);
    }
    core->changed = false;
    if (changed && s->changed_opt)
        s->changed_opt();
}

/* As settle() of lib/block/client.c. */
static void client_run(struct session *s)
{
    struct block_core *core = s->core;
    struct block_info info;

    block_core_poll(core);
    if (block_core_info_stale(core)) {
        engine_session_info(&s->session, &info);
        REQUIRE(s->session.queue.ended == false);
        block_core_poll(core);
        REQUIRE(block_core_update(core, &info) == OK);
    }
    client_tell(s);
    block_core_finish(core);
    (void)block_core_publish(core);
    REQUIRE(!core->broken);
}

static void server_run(struct session *s)
{
    engine_session_wake(&s->session);
    (void)block_engine_run(&s->engine);
}

/* ---- the cache ---- */

void block_client_submit(struct block_client *client, struct block_request *request)
{
    block_core_submit(&client->core, request);
}

const struct block_info *block_client_info(const struct block_client *client)
{
    return &client->core.info;
}

bool block_client_lost(const struct block_client *client)
{
    return client->core.lost;
}

void block_client_acknowledge(struct block_client *client)
{
    block_core_acknowledge(&client->core);
}

static enum status cache_take(struct block_device *device, struct block_job *job)
{
    (void)device;
    return cache_submit(&chain.cache, job);
}

static void cache_changed(void)
{
    cache_client_changed(&chain.cache);
}

static void cache_make(void)
{
    static const struct block_device_ops ops = {.submit = cache_take};
    const struct cache_settings shape = {.policy = &cache_policy_s3_fifo,
                                         .frames_max = CHUNKS << CHUNK_SHIFT,
                                         .chunk_shift = CHUNK_SHIFT,
                                         .dirty_percent = 75,
                                         .read_ahead = chance(2) ? 8192 : 0,
                                         .bypass = chance(2) ? 20 * SECTOR : 0,
                                         .write_through = settings.write_through};
    size_t chunk = (size_t)CACHE_BLOCK_SIZE << CHUNK_SHIFT;
    const struct block_info *info = &chain.client.core.info;

    session_make(&chain.lower, &chain.client.core, &disk, false);
    for (unsigned i = 0; i <= SCRATCH_REGION; i++) {
        chain.memory[i] = aligned_alloc(4096, chunk);
        REQUIRE(region_add(&chain.lower, chain.memory[i], chunk) == i);
    }
    chain.metadata = malloc(cache_memory(&shape));
    cache_init(&chain.cache, &shape, &chain.client, chain.metadata, chain.memory[SCRATCH_REGION],
               SCRATCH_REGION);
    for (unsigned i = 0; i < CHUNKS; i++)
        cache_chunk_add(&chain.cache, i, chain.memory[i], i);
    chain.lower.changed_opt = cache_changed;
    cache_changed();
    chain.cache_device =
        (struct block_device){.ops = &ops,
                              .verifier = 1000,
                              .limits = {.size = info->size,
                                         .block_size = info->block_size,
                                         .physical_block_size = CACHE_BLOCK_SIZE,
                                         .depth = CACHE_JOBS,
                                         .transfer_max = CACHE_TRANSFER_MAX,
                                         .pieces_max = CACHE_PIECES_MAX,
                                         .alignment = 1,
                                         .discard_max = info->discard_max,
                                         .discard_granularity = CACHE_BLOCK_SIZE,
                                         .flags = BLOCK_HAS_FUA | (info->flags & BLOCK_HAS_DISCARD)}};
}

/* ---- the whole ---- */

static uint32_t writer_region;

void chain_make(void)
{
    size_t size = (size_t)SLOTS * SLOT_SECTORS * SECTOR;

    memset(&chain, 0, sizeof(chain));
    disk_make();
    if (settings.cache)
        cache_make();
    session_make(&chain.upper, &chain.core, settings.cache ? &chain.cache_device : &disk, settings.retain);
    chain.memory[BLOCK_REGIONS_MAX - 1] = aligned_alloc(4096, size);
    writer_region = region_add(&chain.upper, chain.memory[BLOCK_REGIONS_MAX - 1], size);
}

void chain_free(void)
{
    for (unsigned i = 0; i < BLOCK_REGIONS_MAX; i++)
        free(chain.memory[i]);
    free(chain.metadata);
    free(chain.upper.queue);
    free(chain.lower.queue);
}

uint8_t *chain_memory(unsigned slot)
{
    return chain.memory[BLOCK_REGIONS_MAX - 1] + (size_t)slot * SLOT_SECTORS * SECTOR;
}

uint32_t chain_region(void)
{
    return writer_region;
}

static struct session *last_session(void)
{
    return settings.cache ? &chain.lower : &chain.upper;
}

void chain_device_done(void)
{
    if (chance(2))
        server_run(last_session());
}

void chain_device_changed(void)
{
    block_engine_changed(&last_session()->engine);
    server_run(last_session());
}

void chain_step(void)
{
    struct session *s = settings.cache && chance(2) ? &chain.lower : &chain.upper;

    if (chance(2))
        client_run(s);
    else
        server_run(s);
    if (settings.cache && chance(60) == 0)
        cache_tick(&chain.cache);
}

/* So often that what came at one end has reached the other, and the answer the first. */
void chain_settle(void)
{
    for (unsigned i = 0; i < 8; i++) {
        client_run(&chain.upper);
        server_run(&chain.upper);
        if (!settings.cache)
            continue;
        client_run(&chain.lower);
        server_run(&chain.lower);
    }
}
