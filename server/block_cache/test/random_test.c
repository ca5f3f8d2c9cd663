/* SPDX-License-Identifier: MIT */
/*
 * Random lives of the cache in the world of world.h: any operations, orders, errors, deaths, changes of memory.
 *
 *     block_cache_random [FIRST [COUNT]]      seeds; each is a life of its own, and is named when something is wrong
 */
#include "server/block_cache/test/world.h"

#include "test/check.h"

#define SEEDS 150u
#define STEPS 1500u

static void random_settings(struct cache_settings *settings)
{
    static const uint32_t ahead[] = {0, 16 << 10, 64 << 10}, bypass[] = {0, 0, 32 << 10, 8 << 10};

    *settings = (struct cache_settings){
        .policy = chance(3) ? &cache_policy_s3_fifo : &cache_policy_lru,
        .frames_max = FRAMES,
        .chunk_shift = CHUNK_SHIFT,
        .dirty_percent = 20 + chance(61),
        .read_ahead = ahead[chance(3)],
        .bypass = bypass[chance(4)],
        .write_through = chance(5) == 0,
    };
}

static void random_job(void)
{
    static const enum block_operation operations[] = {BLOCK_READ,  BLOCK_READ,  BLOCK_READ,  BLOCK_WRITE,
                                                      BLOCK_WRITE, BLOCK_WRITE, BLOCK_WRITE, BLOCK_DISCARD};
    static uint32_t sequential;
    enum block_operation operation = operations[chance(8)];
    uint32_t size = chance(4) == 0 ? 1 + chance(JOB_SECTORS) : chance(2) ? 8 : 1 + chance(12);
    uint32_t first = chance(3) == 0 ? sequential : chance(2) ? chance(SECTORS) : chance(SECTORS / 8) * 8;
    unsigned flags = operation == BLOCK_WRITE && chance(8) == 0 ? BLOCK_FUA : 0;

    if (chance(12) == 0) {
        (void)client_submit(BLOCK_FLUSH, 0, 0, 0);
        return;
    }
    if (operation == BLOCK_DISCARD && chance(4))
        operation = BLOCK_READ;
    if (first >= SECTORS)
        first = 0;
    if (size > SECTORS - first)
        size = SECTORS - first;
    (void)client_submit(operation, flags, first, size);
    sequential = first + size;
}

static void random_memory(void)
{
    unsigned chunk = chance(CHUNKS);

    if (!world.chunk_present[chunk]) {
        world.chunk_present[chunk] = true;
        cache_chunk_add(&world.cache, chunk, world.chunk_memory[chunk], chunk);
    } else if (chance(3)) {
        cache_chunk_drain(&world.cache, chunk);
    } else {
        cache_chunk_keep(&world.cache, chunk);
    }
}

/* Only between lives of jobs, so that it is known whose error is whose. */
static void random_errors(bool any)
{
    struct disk *disk = &world.disk;

    memset(disk->bad_read, 0, sizeof(disk->bad_read));
    memset(disk->bad_write, 0, sizeof(disk->bad_write));
    disk->bad_flush = any && chance(4) == 0;
    for (unsigned i = any ? chance(12) : 0; i; i--)
        (chance(2) ? disk->bad_read : disk->bad_write)[chance(SECTORS)] = true;
    if (any && chance(8) == 0)
        memset(disk->bad_write, true, sizeof(disk->bad_write));
    if (any)
        world.failing_world = true;
    cache_tick(&world.cache);
    world_settle();
    world.failing_world = any;
}

static void random_step(bool deaths)
{
    unsigned what = chance(100);

    if (what < 25)
        random_job();
    else if (what < 90)
        (void)disk_step();
    else if (what < 93)
        disk_wander();
    else if (what < 95)
        disk_tell();
    else if (what < 96)
        cache_tick(&world.cache);
    else if (what < 97)
        random_memory();
    else if (what < 98 && deaths)
        disk_die(chance(3) != 0);
}

/* Everything is durable after the last FLUSH of a good disk, and every sector is what it should be. */
static void last_flush(void)
{
    struct client_job *flush;

    random_errors(false);
    flush = client_submit(BLOCK_FLUSH, 0, 0, 0);
    world_settle();
    if (flush->status != OK)
        world_wrong("the last FLUSH fails");
    for (uint32_t i = 0; i < SECTORS; i++)
        if (world.disk.platter[i] < world.model.unflushed[i])
            world_wrong("the last FLUSH does not bring sector %u", i);
    for (uint32_t first = 0; first < SECTORS; first += 100) {
        (void)client_submit(BLOCK_READ, 0, first, first + 100 < SECTORS ? 100 : SECTORS - first);
        world_settle();
    }
    if (world.cache.lists[CACHE_DIRTY].length + world.cache.lists[CACHE_FAILED].length)
        world_wrong("something is dirty after the last FLUSH");
}

static void life(uint64_t seed)
{
    struct cache_settings settings;
    bool deaths, errors;

    world_seed(seed);
    random_settings(&settings);
    deaths = chance(2);
    errors = chance(3) == 0;
    world_begin(&settings, 1 + chance(CHUNKS));
    for (unsigned i = 0; i < STEPS && !world.failures; i++) {
        random_step(deaths);
        if (i % 8 == 0)
            world_check();
        if (i % 400 == 399) {
            world_settle();
            random_errors(errors && chance(2));
        }
    }
    if (!world.failures)
        world_settle();
    if (!world.failures)
        last_flush();
}

int main(int count, char **arguments)
{
    uint64_t first = count > 1 ? strtoull(arguments[1], NULL, 0) : 1;
    uint64_t seeds = count > 2 ? strtoull(arguments[2], NULL, 0) : SEEDS;
    struct cache_statistics total = {0};

    CASE("random lives");
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        life(seed);
        CHECK_EQ(world.failures, 0);
        total.hits += world.cache.statistics.hits;
        total.misses += world.cache.statistics.misses;
        total.evictions += world.cache.statistics.evictions;
        total.ahead_used += world.cache.statistics.ahead_used;
        total.losses += world.cache.statistics.losses;
        total.stalls += world.cache.statistics.stalls;
        total.throttles += world.cache.statistics.throttles;
        total.write_errors += world.cache.statistics.write_errors;
        world_end();
    }
    CASE("these lives had everything in them");
    CHECK(seeds < SEEDS || (total.hits && total.misses && total.evictions && total.ahead_used &&
                            total.losses && total.stalls && total.throttles && total.write_errors));
    printf("hits %llu misses %llu evictions %llu ahead used %llu losses %llu stalls %llu throttles %llu\n",
           (unsigned long long)total.hits, (unsigned long long)total.misses,
           (unsigned long long)total.evictions, (unsigned long long)total.ahead_used,
           (unsigned long long)total.losses, (unsigned long long)total.stalls,
           (unsigned long long)total.throttles);
    return check_finish();
}
