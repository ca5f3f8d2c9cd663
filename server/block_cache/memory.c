/* SPDX-License-Identifier: MIT */
/*
 * The cache's memory: metadata for its largest size, at the start; frames in *chunks* of a dataspace each, which are registered with the
 * disk's server, come when the parent grants them and go when it wants them back.
 *
 * Yielding takes time: what is dirty in a chunk is written and flushed first. So the parent is answered when enough is free, or at the
 * end of its patience with what is free by then; chunks that are not empty then stay.
 */
#include "server/block_cache/server.h"

#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/parent_session.h"
#include "lib/base/resource.h"
#include "lib/base/time.h"
#include "lib/block/quota.h"
#include "lib/fmt/status_text.h"

#define CHUNK_SHIFT_LEAST 6u            /* 64 frames: 256 KiB */
#define CHUNK_EXTRA       (64ull << 10) /* page tables and a dataspace, besides the frames */
#define CHUNK_CAPS        2u
#define YIELD_NS          800000000ull /* the parent waits a second */
#define PATIENCE_TICKS    12u          /* after a refusal */

static struct cache_server *the_server; /* the parent's wishes come without a context */

static unsigned chunk_shift(const struct cache_config *config)
{
    unsigned shift = CHUNK_SHIFT_LEAST;

    while (((uint64_t)CACHE_CHUNKS_MAX * CACHE_BLOCK_SIZE << shift) < config->size_max)
        shift++;
    return shift;
}

static uint32_t chunks_for(const struct cache_config *config, uint64_t size)
{
    uint64_t chunk = (uint64_t)CACHE_BLOCK_SIZE << chunk_shift(config);

    return (uint32_t)((size + chunk - 1) / chunk);
}

uint64_t memory_chunk_size(const struct cache_server *server)
{
    return (uint64_t)CACHE_BLOCK_SIZE << server->cache.settings.chunk_shift;
}

uint64_t memory_regions_ram(const struct cache_config *config)
{
    uint64_t chunk = (uint64_t)CACHE_BLOCK_SIZE << chunk_shift(config);

    return chunks_for(config, config->size_max) * block_attach_ram(chunk) +
           block_attach_ram(CACHE_SCRATCH * CACHE_BLOCK_SIZE);
}

/* ---- chunks come ---- */

static enum status chunk_make(struct cache_server *server)
{
    uint32_t chunk = 0, region;
    enum status status;

    while (server->chunks[chunk].address)
        chunk++;
    status = memory_alloc(memory_chunk_size(server), &server->chunks[chunk]);
    if (status != OK)
        return status;
    status = block_client_region_add(&server->client, server->chunks[chunk].dataspace, 0,
                                     server->chunks[chunk].size, true, &region);
    if (status != OK) {
        memory_free(&server->chunks[chunk]);
        return status;
    }
    server->chunk_count++;
    cache_chunk_add(&server->cache, chunk, server->chunks[chunk].address, region);
    return OK;
}

/* ---- chunks go ---- */

static void chunk_free(struct cache_server *server, uint32_t chunk)
{
    /* ERR_BUSY: the disk's server has died and may still write there; again at the next tick. */
    if (block_client_region_remove(&server->client, server->cache.chunks[chunk].region) != OK)
        return;
    memory_free(&server->chunks[chunk]);
    server->drained &= ~(1u << chunk);
    server->chunk_count--;
    server->yield_freed += memory_chunk_size(server);
}

static void yield_answer(struct cache_server *server)
{
    uint64_t ram = server->yield_ram < server->yield_freed ? server->yield_ram : server->yield_freed;

    entrypoint_timeout_cancel(server->entrypoint, &server->yield_end);
    server->yield_ram = 0;
    if (server->config.verbose)
        log_info("yields %lluK, %u chunks stay", (unsigned long long)(ram >> 10), server->chunk_count);
    (void)parent_yielded(ram, 0);
}

static void collect(struct cache_server *server)
{
    for (uint32_t chunk = 0; chunk < CACHE_CHUNKS_MAX; chunk++)
        if (server->drained & 1u << chunk)
            chunk_free(server, chunk);
    if (server->yield_ram && server->yield_freed >= server->yield_ram)
        yield_answer(server);
}

static void collect_deferred(struct deferred *deferred)
{
    collect((struct cache_server *)((char *)deferred - offsetof(struct cache_server, collect)));
}

/* Called by the cache in the middle of its work. */
static void drained(struct cache *cache, uint32_t chunk)
{
    struct cache_server *server = cache->context;

    server->drained |= 1u << chunk;
    entrypoint_defer(server->entrypoint, &server->collect);
}

static void yield_over(struct timeout *timeout)
{
    struct cache_server *server =
        (struct cache_server *)((char *)timeout - offsetof(struct cache_server, yield_end));

    for (uint32_t chunk = 0; chunk < CACHE_CHUNKS_MAX; chunk++)
        cache_chunk_keep(&server->cache, chunk);
    yield_answer(server);
}

static void drain(struct cache_server *server, uint32_t count)
{
    for (uint32_t chunk = CACHE_CHUNKS_MAX; chunk-- > 0 && count;) {
        if (server->cache.chunks[chunk].state != CACHE_PRESENT)
            continue;
        cache_chunk_drain(&server->cache, chunk);
        count--;
    }
    block_client_kick(&server->client);
}

static void give_back(uint64_t *ram, uint32_t *caps)
{
    struct cache_server *server = the_server;
    uint64_t chunk = memory_chunk_size(server);
    uint64_t wanted = (*ram + chunk - 1) / chunk;
    uint64_t present = server->chunk_count - (uint32_t)__builtin_popcount(server->drained);
    uint64_t most = present > server->chunk_count_min ? present - server->chunk_count_min : 0;

    *caps = 0;
    if (server->yield_ram)
        *ram = 0; /* one at a time */
    if (*ram == 0 || most == 0) {
        *ram = 0;
        return;
    }
    if (wanted > most) {
        wanted = most;
        *ram = most * chunk;
    }
    server->patience = PATIENCE_TICKS;
    server->yield_ram = *ram;
    server->yield_freed = 0;
    *ram = RESOURCE_LATER;
    server->yield_end.expired = yield_over;
    entrypoint_timeout_set(server->entrypoint, &server->yield_end, time_after_ns(YIELD_NS));
    drain(server, (uint32_t)wanted);
    entrypoint_defer(server->entrypoint, &server->collect);
}

/* ---- asking for more ---- */

static void answered(bool granted)
{
    struct cache_server *server = the_server;
    enum status status = granted ? chunk_make(server) : ERR_DENIED;

    server->asking = false;
    if (status != OK)
        server->patience = PATIENCE_TICKS;
    if (server->config.verbose)
        log_info("asked for another chunk: %s; %u chunks", status_text(status), server->chunk_count);
}

/* It would: there was no free frame for a good part of a chunk's worth of blocks. */
static bool more_is_of_use(struct cache_server *server)
{
    uint64_t evictions = server->cache.statistics.evictions;
    uint64_t since = evictions - server->evictions;

    server->evictions = evictions;
    return since > (1ull << server->cache.settings.chunk_shift) / 4;
}

void memory_tick(struct cache_server *server)
{
    bool of_use = more_is_of_use(server);

    collect(server);
    if (server->patience)
        server->patience--;
    else if (of_use && !server->asking && !server->yield_ram && !server->drained &&
             server->chunk_count < server->cache.settings.frames_max >> server->cache.settings.chunk_shift)
        server->asking = parent_resource_request(memory_chunk_size(server) + CHUNK_EXTRA, CHUNK_CAPS) == OK;
}

/* ---- start ---- */

static enum status make_cache(struct cache_server *server)
{
    const struct cache_config *config = &server->config;
    struct cache_settings settings = {
        .policy = config->policy,
        .chunk_shift = chunk_shift(config),
        .frames_max = chunks_for(config, config->size_max) << chunk_shift(config),
        .dirty_percent = (unsigned)config->dirty_percent,
        .read_ahead = (uint32_t)config->read_ahead,
        .bypass = config->bypass > CACHE_TRANSFER_MAX ? 0 : (uint32_t)config->bypass,
        .write_through = config->write_through,
    };
    uint32_t region;
    enum status status = memory_alloc(cache_memory(&settings), &server->metadata);

    if (status == OK)
        status = memory_alloc(CACHE_SCRATCH * CACHE_BLOCK_SIZE, &server->scratch);
    if (status == OK)
        status = block_client_region_add(&server->client, server->scratch.dataspace, 0, server->scratch.size,
                                         true, &region);
    if (status != OK)
        return status;
    cache_init(&server->cache, &settings, &server->client, server->metadata.address, server->scratch.address,
               region);
    server->cache.context = server;
    server->cache.drained = drained;
    return OK;
}

enum status memory_start(struct cache_server *server)
{
    enum status status = make_cache(server);

    the_server = server;
    server->collect.run = collect_deferred;
    server->chunk_count_min = chunks_for(&server->config, server->config.size);
    while (status == OK && server->chunk_count < server->chunk_count_min)
        status = chunk_make(server);
    if (status == OK) {
        resource_on_yield(give_back);
        resource_on_answer(answered);
    }
    return status;
}
