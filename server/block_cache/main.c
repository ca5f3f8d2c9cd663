/* SPDX-License-Identifier: MIT */
/*
 * Block cache: BLOCK sessions on one side, a disk on the other. Wiring; the cache is cache.h, its memory memory.c.
 */
#include "server/block_cache/server.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/block/policy.h"
#include "lib/fmt/status_text.h"

enum { EXIT_NO_SERVICE = 1, EXIT_NO_CONFIG = 2, EXIT_NO_DISK = 3, EXIT_NO_MEMORY = 4 };

#define BURST  (4u << 20)  /* bytes of requests before other work is let in */
#define BOUNCE (64u << 10) /* for sectors that the disk cannot reach as they lie */
#define ERRORS 20u         /* messages about blocks that cannot be written */

static struct cache_server server;

/* ---- requests ---- */

static enum status submit(struct block_device *device, struct block_job *job)
{
    (void)device;
    if (server.burst >= BURST) {
        server.tired = true;
        return ERR_AGAIN;
    }
    server.burst += job->length + 1;
    server.submitting = true;

    enum status status = cache_submit(&server.cache, job);

    server.submitting = false;
    return status;
}

/* The library completes what is done inside submit(); else it has to be told, once for a series. */
static void job_done(struct cache *cache)
{
    (void)cache;
    if (!server.submitting)
        entrypoint_defer(server.entrypoint, &server.rest);
}

static void kick(struct block_device *device)
{
    (void)device;
    if (cache_is_busy(&server.cache))
        block_client_kick(&server.client);
    if (server.tired)
        entrypoint_defer(server.entrypoint, &server.rest);
    server.tired = false;
}

static void rested(struct deferred *deferred)
{
    (void)deferred;
    server.burst = 0;
    block_server_settle(&server.device);
}

/* ---- the disk ---- */

static void write_failed(struct cache *cache, uint64_t block, enum status status)
{
    static unsigned said;

    (void)cache;
    if (said++ < ERRORS)
        log_error("block %llu cannot be written: %s%s", (unsigned long long)block, status_text(status),
                  said == ERRORS ? "; further ones are only counted" : "");
}

static void take_limits(void)
{
    const struct block_info *info = block_client_info(&server.client);
    struct block_limits *limits = &server.device.limits;

    *limits = (struct block_limits){
        .size = info->size,
        .block_size = info->block_size,
        .physical_block_size =
            info->physical_block_size > CACHE_BLOCK_SIZE ? info->physical_block_size : CACHE_BLOCK_SIZE,
        .depth = CACHE_JOBS,
        .transfer_max = CACHE_TRANSFER_MAX,
        .pieces_max = CACHE_PIECES_MAX,
        .alignment = 1,
        .discard_max = info->flags & BLOCK_HAS_DISCARD ? info->discard_max : 0,
        .discard_granularity =
            info->discard_granularity > CACHE_BLOCK_SIZE ? info->discard_granularity : CACHE_BLOCK_SIZE,
        .flags = BLOCK_HAS_FUA | (info->flags & (BLOCK_READ_ONLY | BLOCK_HAS_DISCARD)),
    };
}

static void changed(struct block_client *client)
{
    struct block_limits before = server.device.limits;
    const struct block_limits *now = &server.device.limits;

    (void)client;
    if (!server.cache.client) /* not yet */
        return;
    cache_client_changed(&server.cache);
    take_limits();
    if (now->size != before.size || now->flags != before.flags || now->discard_max != before.discard_max)
        block_server_changed(&server.device);
}

static enum status open_disk(void)
{
    struct block_client_options options = {
        .label_opt = "disk",
        .ram = memory_regions_ram(&server.config) + (256u << 10),
        .entrypoint = server.entrypoint,
        .bounce = BOUNCE,
        .restart = true,
        .changed_opt = changed,
    };

    return block_client_open(&server.client, &options);
}

/* ---- time ---- */

static void tick(struct timeout *timeout)
{
    cache_tick(&server.cache);
    memory_tick(&server);
    report_tick(&server);
    block_client_kick(&server.client);
    entrypoint_defer(server.entrypoint, &server.rest);
    entrypoint_timeout_set(server.entrypoint, timeout, time_after_ns(server.config.flush_ms * 1000000));
}

static enum status policy(struct block_device *device, const char *label, struct block_view *view)
{
    (void)device;
    return block_policy_view(server.config.root, label, view);
}

static int start(void)
{
    static const struct block_device_ops ops = {.submit = submit, .kick = kick};
    enum status status = config_read(&server.config);

    if (status != OK)
        return EXIT_NO_CONFIG;
    status = open_disk();
    if (status != OK) {
        log_error("no disk: %s", status_text(status));
        return EXIT_NO_DISK;
    }
    status = memory_start(&server);
    if (status != OK) {
        log_error("no memory for a cache of %lluK: %s", (unsigned long long)(server.config.size >> 10),
                  status_text(status));
        return EXIT_NO_MEMORY;
    }
    server.cache.job_done = job_done;
    server.cache.write_failed = write_failed;
    take_limits();
    server.device.ops = &ops;
    server.device.verifier = time_now(); /* what a cache before this one had not written is lost */
    status = block_server_start(&server.device, server.entrypoint, policy);
    if (status != OK)
        log_error("cannot announce BLOCK: %s", status_text(status));
    return status == OK ? 0 : EXIT_NO_SERVICE;
}

int component_main(struct env *environment)
{
    int code;

    server.entrypoint = &environment->entrypoint;
    code = start();
    if (code)
        return code;
    report_start(&server);
    server.rest.run = rested;
    server.tick.expired = tick;
    tick(&server.tick);
    log_info("%s cache, %u chunks of %lluK, at most %u", server.config.policy->name, server.chunk_count,
             (unsigned long long)(memory_chunk_size(&server) >> 10),
             server.cache.settings.frames_max >> server.cache.settings.chunk_shift);
    entrypoint_run(server.entrypoint);
    return 0;
}
