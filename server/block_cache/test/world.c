/* SPDX-License-Identifier: MIT */
/* The clients above, and what is checked of them and of the platter. See world.h. */
#include "server/block_cache/test/world.h"

#include "lib/base/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world world;

static uint64_t seed_now, random_state;

void world_seed(uint64_t seed)
{
    seed_now = seed;
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
}

unsigned chance(unsigned below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 32) % below);
}

void world_wrong(const char *format, ...)
{
    va_list arguments;

    if (world.failures++)
        return;
    va_start(arguments, format);
    printf("seed %llu: ", (unsigned long long)seed_now);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

_Noreturn void component_panic(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf(" (seed %llu)\n", (unsigned long long)seed_now);
    exit(1);
}

/* ---- beginning and end ---- */

static void drained(struct cache *cache, uint32_t chunk)
{
    (void)cache;
    world.chunk_present[chunk] = false;
    memset(world.chunk_memory[chunk], 0xcc, CACHE_BLOCK_SIZE << CHUNK_SHIFT);
}

void world_begin(const struct cache_settings *settings, unsigned chunks)
{
    memset(&world, 0, sizeof(world));
    world.info = (struct block_info){.size = SECTORS * 512ull, .block_size = 512, .discard_granularity = 512};
    world.memory = malloc(cache_memory(settings));
    world.scratch = malloc(CACHE_SCRATCH * CACHE_BLOCK_SIZE);
    world.disk.regions[15] = world.scratch;
    world.version = 1;
    world.disk.time = 1;
    cache_init(&world.cache, settings, &world.client, world.memory, world.scratch, 15);
    world.cache.drained = drained;
    for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
        world.chunk_memory[chunk] = malloc(CACHE_BLOCK_SIZE << CHUNK_SHIFT);
        world.disk.regions[chunk] = world.chunk_memory[chunk];
        if (chunk >= chunks)
            continue;
        world.chunk_present[chunk] = true;
        cache_chunk_add(&world.cache, chunk, world.chunk_memory[chunk], chunk);
    }
}

void world_end(void)
{
    for (unsigned i = 0; i < PENDING; i++)
        free(world.disk.pending[i].data);
    for (unsigned chunk = 0; chunk < CHUNKS; chunk++)
        free(world.chunk_memory[chunk]);
    free(world.memory);
    free(world.scratch);
}

/* ---- jobs ---- */

static bool overlaps(const struct client_job *other, enum block_operation operation, uint64_t offset,
                     uint64_t length)
{
    if (!other->busy)
        return false;
    if (operation == BLOCK_FLUSH || other->job.operation == BLOCK_FLUSH)
        return operation == other->job.operation;
    return offset < other->job.offset + other->job.length && other->job.offset < offset + length &&
           (operation != BLOCK_READ || other->job.operation != BLOCK_READ);
}

/* One buffer in several pieces, as it comes. */
static void make_pieces(struct client_job *job, uint32_t sectors)
{
    uint32_t at = 0;

    job->region = (struct block_region){.address_opt = job->data, .size = sizeof(job->data), .write = true};
    job->job.pieces = job->pieces;
    while (at < sectors) {
        uint32_t n = job->job.piece_count == 7 ? sectors - at : 1 + chance(sectors - at);

        job->pieces[job->job.piece_count++] =
            (struct block_piece){.region = &job->region, .offset = at * 512ull, .length = n * 512};
        at += n;
    }
}

static void prepare(struct client_job *job, uint32_t first, uint32_t sectors)
{
    struct model *model = &world.model;

    if (job->job.operation == BLOCK_WRITE)
        job->version = ++world.version;
    for (uint32_t i = first; i < first + sectors; i++) {
        uint8_t *data = job->data + (size_t)(i - first) * 512;

        if (job->job.operation == BLOCK_READ) {
            memset(data, 0xaa, 512);
        } else if (job->job.operation == BLOCK_WRITE) {
            sector_fill(data, i, job->version);
            model->newest[i] = job->version;
        } else if (job->job.operation == BLOCK_DISCARD) {
            model->seen[i] = model->durable[i] = model->unflushed[i] = 0;
            model->undefined[i] = world.version;
        }
    }
    if (job->job.operation == BLOCK_FLUSH)
        memcpy(job->snapshot, model->unflushed, sizeof(job->snapshot));
}

struct client_job *client_submit(enum block_operation operation, unsigned flags, uint32_t first,
                                 uint32_t sectors)
{
    struct client_job *job = NULL;
    uint64_t offset = first * 512ull, length = sectors * 512ull;

    for (unsigned i = 0; i < JOBS; i++) {
        if (!world.jobs[i].busy)
            job = &world.jobs[i];
        if (overlaps(&world.jobs[i], operation, offset, length))
            return NULL;
    }
    if (!job)
        return NULL;
    job->job = (struct block_job){.operation = operation, .flags = flags, .offset = offset, .length = length};
    job->busy = true;
    job->done = false;
    if (operation == BLOCK_READ || operation == BLOCK_WRITE)
        make_pieces(job, sectors);
    prepare(job, first, sectors);
    if (cache_submit(&world.cache, &job->job) != OK)
        world_wrong("a job is not taken");
    return job;
}

static bool any_bad(const bool *bad, uint32_t first, uint32_t sectors)
{
    for (uint32_t i = first; i < first + sectors; i++)
        if (bad[i])
            return true;
    return false;
}

static void read_over(const struct client_job *job, uint32_t first, uint32_t sectors, enum status status,
                      uint64_t done)
{
    if (status != OK && !any_bad(world.disk.bad_read, first, sectors) && !world.failing_world)
        world_wrong("READ of good sectors fails");
    if (status != OK && !any_bad(world.disk.bad_read, first, sectors) &&
        world.cache.unclean < world.cache.frame_count)
        world_wrong("READ fails because of others' sectors (G5)");
    for (uint32_t i = 0; i < sectors && (uint64_t)i * 512 < done; i++) {
        uint32_t version = sector_version(job->data + (size_t)i * 512, first + i);

        if (version == UINT32_MAX || version < world.model.seen[first + i] ||
            version > world.model.newest[first + i])
            world_wrong("READ of sector %u brings version %u, not %u", first + i, version,
                        world.model.seen[first + i]);
    }
}

static void write_over(const struct client_job *job, uint32_t first, uint32_t sectors, enum status status)
{
    struct model *model = &world.model;

    if (status != OK && !world.failing_world)
        world_wrong("WRITE fails on a good disk");
    if (status != OK)
        return;
    for (uint32_t i = first; i < first + sectors; i++) {
        model->seen[i] = model->unflushed[i] = job->version;
        if (job->job.flags & BLOCK_FUA)
            model->durable[i] = job->version;
    }
}

static void flush_over(const struct client_job *job, enum status status)
{
    if (status != OK && !world.failing_world)
        world_wrong("FLUSH fails on a good disk");
    if (status != OK)
        return;
    for (uint32_t i = 0; i < world.info.size / 512; i++)
        /* A DISCARD meanwhile takes the promise back. */
        if (job->snapshot[i] > world.model.durable[i] && job->snapshot[i] > world.model.undefined[i])
            world.model.durable[i] = job->snapshot[i];
}

void block_job_done(struct block_job *source, enum status status, uint64_t done)
{
    struct client_job *job = (struct client_job *)source;
    uint32_t first = (uint32_t)(source->offset / 512), sectors = (uint32_t)(source->length / 512);

    if (!job->busy || job->done)
        world_wrong("a job is done twice");
    if (status == OK && done != source->length)
        world_wrong("OK, and %llu of %llu bytes", (unsigned long long)done,
                    (unsigned long long)source->length);
    if (source->operation == BLOCK_READ)
        read_over(job, first, sectors, status, done);
    else if (source->operation == BLOCK_WRITE)
        write_over(job, first, sectors, status);
    else if (source->operation == BLOCK_FLUSH)
        flush_over(job, status);
    job->busy = false;
    job->done = true;
    job->status = status;
    job->done_bytes = done;
}

/* ---- checks ---- */

void world_check(void)
{
#ifndef WITHOUT_INVARIANTS
    const char *why;

    if (!cache_check(&world.cache, &why))
        world_wrong("invariant %s", why);
#endif
    for (uint32_t i = 0; i < SECTORS; i++)
        if (world.disk.platter[i] < world.model.durable[i])
            world_wrong("after a power cut sector %u has version %u, %u was promised", i,
                        world.disk.platter[i], world.model.durable[i]);
}

void world_settle(void)
{
    do {
        disk_tell();
    } while (disk_step());
    for (unsigned i = 0; i < JOBS; i++)
        if (world.jobs[i].busy)
            world_wrong("a job is never done: operation %d", world.jobs[i].job.operation);
    world_check();
}
