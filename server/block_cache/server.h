/* SPDX-License-Identifier: MIT */
/*
 * The cache as a component: its configuration, its memory, its reports, around the hardware-free cache of cache.h.
 */
#ifndef SERVER_BLOCK_CACHE_SERVER_H
#define SERVER_BLOCK_CACHE_SERVER_H

#include "contract/report/client.h"
#include "lib/base/memory.h"
#include "lib/xml/xml.h"
#include "server/block_cache/cache.h"

struct cache_config {
    struct xml_node root;
    const struct cache_policy_ops *policy;
    uint64_t size, size_max; /* bytes */
    uint64_t read_ahead, bypass;
    uint64_t dirty_percent;
    uint64_t flush_ms;
    bool write_through, report, verbose;
};

struct cache_server {
    struct block_device device; /* first */
    struct cache_config config;
    struct cache cache;
    struct block_client client;
    struct entrypoint *entrypoint;

    struct memory metadata, scratch;
    struct memory chunks[CACHE_CHUNKS_MAX];
    uint32_t chunk_count, chunk_count_min; /* present or draining; never fewer */
    uint32_t drained;                      /* bits: to be freed */

    uint64_t yield_ram; /* what the parent has asked for; 0: nothing */
    uint64_t yield_freed;
    bool asking;        /* the parent, for more */
    unsigned patience;  /* ticks until it is asked again */
    uint64_t evictions; /* at the last tick */

    struct report report;
    uint64_t burst; /* bytes since other work was let in */
    bool tired;
    bool submitting;
    struct timeout tick, yield_end;
    struct deferred rest, collect;
};

/* ---- config.c ---- */

[[nodiscard]] enum status config_read(struct cache_config *config);

/* ---- memory.c ---- */

/* Bytes of a chunk, which is what comes and goes. */
uint64_t memory_chunk_size(const struct cache_server *server);
/* What the client has to lend to the disk's server for our frames. */
uint64_t memory_regions_ram(const struct cache_config *config);
/* After the client is open: makes the cache and its first chunks. */
[[nodiscard]] enum status memory_start(struct cache_server *server);
/* Once a tick: asks for more if it would be of use. */
void memory_tick(struct cache_server *server);

/* ---- report.c ---- */

void report_start(struct cache_server *server);
void report_tick(struct cache_server *server);

#endif
