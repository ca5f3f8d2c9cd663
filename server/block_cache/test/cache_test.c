/* SPDX-License-Identifier: MIT */
/* What the cache does, case by case, in the world of world.h. */
#include "server/block_cache/test/world.h"

#include "test/check.h"

static struct cache_settings settings;

static void start(const char *name)
{
    if (world.memory) {
        world_settle();
        CHECK_EQ(world.failures, 0);
        world_end();
    }
    CASE(name);
    settings.frames_max = FRAMES;
    settings.chunk_shift = CHUNK_SHIFT;
    settings.dirty_percent = settings.dirty_percent ? settings.dirty_percent : 50;
    settings.policy = settings.policy ? settings.policy : &cache_policy_s3_fifo;
    world_begin(&settings, CHUNKS);
    settings = (struct cache_settings){0};
}

static struct client_job *reading(uint32_t first, uint32_t sectors)
{
    return client_submit(BLOCK_READ, 0, first, sectors);
}

static void read(uint32_t first, uint32_t sectors)
{
    (void)reading(first, sectors);
    world_settle();
}

static struct client_job *writing(uint32_t first, uint32_t sectors, unsigned flags)
{
    return client_submit(BLOCK_WRITE, flags, first, sectors);
}

static enum status flush(void)
{
    struct client_job *job = client_submit(BLOCK_FLUSH, 0, 0, 0);

    world_settle();
    return job->status;
}

/* The oldest request of this kind is carried out and completes. */
static void finish(enum block_operation operation)
{
    struct pending *pending = disk_find(operation);

    REQUIRE(pending);
    disk_carry_out(pending);
    disk_complete(pending);
}

static void test_reads(void)
{
    struct client_job *one, *two;

    start("a block is read once");
    read(8, 8);
    read(8, 8);
    read(9, 2);
    CHECK_EQ(world.disk.reads, 1);
    CHECK_EQ(world.cache.statistics.hits, 2);
    CHECK_EQ(world.cache.statistics.misses, 1);

    start("single flight: who comes while it is read waits for that");
    one = reading(8, 8);
    two = reading(10, 1);
    CHECK(!one->done && !two->done);
    CHECK_EQ(disk_pending(), 1);
    world_settle();
    CHECK(one->done && two->done);
    CHECK_EQ(world.disk.reads, 1);

    start("a large READ is few requests, and only what is missing");
    read(16, 8);
    one = reading(0, 64);
    CHECK_EQ(disk_pending(), 2);
    world_settle();
    CHECK_EQ(world.disk.sectors_read, 64);
    CHECK_EQ(one->status, OK);

    start("the last block is shorter");
    read(SECTORS - 5, 5);
    CHECK_EQ(world.disk.sectors_read, 5);
}

static void test_writes(void)
{
    struct client_job *job;

    start("a write of a whole block is dirty, and on the disk after FLUSH");
    job = writing(8, 8, 0);
    CHECK(job->done);
    CHECK_EQ(disk_pending(), 0);
    CHECK_EQ(world.cache.lists[CACHE_DIRTY].length, 1);
    CHECK_EQ(flush(), OK);
    for (uint32_t i = 8; i < 16; i++)
        CHECK_EQ(world.disk.platter[i], job->version);
    CHECK_EQ(world.cache.unclean, 0);

    start("a write of some sectors reads nothing, and writes only these");
    job = writing(10, 3, 0);
    CHECK(job->done);
    CHECK_EQ(flush(), OK);
    CHECK_EQ(world.disk.reads, 0);
    CHECK_EQ(world.disk.sectors_written, 3);

    start("a READ of the rest of the block brings both together");
    (void)writing(10, 3, 0);
    read(8, 8);
    CHECK_EQ(world.disk.reads, 1);

    start("a write while the rest of the block is being read");
    (void)writing(10, 1, 0);
    (void)reading(8, 1);
    job = writing(12, 2, 0);
    CHECK(!job->done);
    finish(BLOCK_READ);
    CHECK(job->done);
    read(8, 8);

    start("sectors apart in one block are written apart");
    (void)writing(8, 1, 0);
    (void)writing(11, 2, 0);
    (void)writing(15, 1, 0);
    CHECK_EQ(flush(), OK);
    CHECK_EQ(world.disk.sectors_written, 4);
    CHECK_EQ(world.disk.writes, 3);

    start("neighbours are written together");
    for (uint32_t block = 0; block < 6; block++)
        (void)writing(block * 8, 8, 0);
    CHECK_EQ(flush(), OK);
    CHECK_EQ(world.disk.writes, 1);
}

static void test_flush(void)
{
    struct client_job *job, *later;

    start("FLUSH waits for the write-backs, then for the FLUSH below");
    (void)writing(8, 8, 0);
    (void)writing(80, 8, 0);
    job = client_submit(BLOCK_FLUSH, 0, 0, 0);
    CHECK(!disk_find(BLOCK_FLUSH));
    finish(BLOCK_WRITE);
    CHECK(!disk_find(BLOCK_FLUSH));
    finish(BLOCK_WRITE);
    CHECK(!job->done);
    finish(BLOCK_FLUSH);
    CHECK(job->done);

    start("FLUSH does not wait for what is written later");
    (void)writing(8, 8, 0);
    job = client_submit(BLOCK_FLUSH, 0, 0, 0);
    later = writing(80, 8, 0);
    CHECK(later->done);
    finish(BLOCK_WRITE);
    finish(BLOCK_FLUSH);
    CHECK(job->done);
    CHECK_EQ(world.cache.lists[CACHE_DIRTY].length, 1);

    start("a block that is being written is not changed: the write waits");
    (void)writing(8, 8, 0);
    job = client_submit(BLOCK_FLUSH, 0, 0, 0);
    later = writing(8, 8, 0);
    CHECK(!later->done);
    finish(BLOCK_WRITE);
    CHECK(later->done);
    finish(BLOCK_FLUSH);
    CHECK(job->done);

    start("FUA goes to the disk at once, and takes nothing else with it");
    (void)writing(8, 8, 0);
    job = writing(80, 8, BLOCK_FUA);
    CHECK(!job->done);
    finish(BLOCK_WRITE);
    CHECK(job->done);
    CHECK_EQ(world.disk.platter[80], job->version);
    CHECK_EQ(world.disk.sectors_written, 8);
    CHECK_EQ(world.disk.flushes, 0);

    settings.write_through = true;
    start("write-through: done when the disk has it");
    job = writing(8, 8, 0);
    CHECK(!job->done);
    finish(BLOCK_WRITE);
    CHECK(job->done);
    CHECK_EQ(world.cache.lists[CACHE_DIRTY].length, 0);
    CHECK_EQ(world.cache.lists[CACHE_UNFLUSHED].length, 1);
    read(8, 8);
    CHECK_EQ(world.disk.reads, 0);
}

static void test_errors(void)
{
    struct client_job *job, *other;

    start("a block that cannot be written stays dirty, and FLUSH fails until it is");
    world.failing_world = true;
    memset(&world.disk.bad_write[8], true, 8);
    (void)writing(8, 8, 0);
    job = writing(80, 8, 0);
    CHECK_EQ(flush(), ERR_IO);
    CHECK_EQ(world.cache.lists[CACHE_FAILED].length, 1);
    CHECK_EQ(world.disk.platter[80], job->version);
    read(8, 8);
    CHECK_EQ(flush(), ERR_IO);
    memset(&world.disk.bad_write[8], false, 8);
    CHECK_EQ(flush(), OK);
    CHECK(world.disk.platter[8] != 0);

    start("a FLUSH below that fails, fails; the next one covers all");
    world.failing_world = true;
    world.disk.bad_flush = true;
    job = writing(8, 8, 0);
    CHECK_EQ(flush(), ERR_IO);
    world.disk.bad_flush = false;
    CHECK_EQ(flush(), OK);
    CHECK_EQ(world.disk.platter[8], job->version);

    start("a sector that cannot be read harms only who reads it");
    world.disk.bad_read[20] = true;
    job = reading(0, 64);
    world_settle();
    CHECK_EQ(job->status, ERR_IO);
    CHECK(job->done_bytes <= 20 * 512 && job->done_bytes >= 16 * 512);
    job = reading(21, 3);
    other = reading(16, 4);
    world_settle();
    CHECK_EQ(job->status, OK);
    CHECK_EQ(other->status, OK);
    job = reading(20, 1);
    world_settle();
    CHECK_EQ(job->status, ERR_IO);
    world.disk.bad_read[20] = false;
    job = reading(20, 1);
    world_settle();
    CHECK_EQ(job->status, OK);

    start("an error of write-through is told");
    world.failing_world = true;
    world.disk.bad_write[9] = true;
    job = writing(8, 8, BLOCK_FUA);
    world_settle();
    CHECK_EQ(job->status, ERR_IO);
    world.disk.bad_write[9] = false;
    CHECK_EQ(flush(), OK);
}

/* The device ends behind `sectors` now; the cache hears of it, or has not yet. */
static void shrink(uint32_t sectors, bool tell)
{
    world.info.size = sectors * 512ull;
    world.disk.change_due = true;
    if (tell)
        disk_tell();
}

static void test_shrinking(void)
{
    struct client_job *job;

    start(
        "a device that shrinks: what is dirty before its new end becomes durable, what is behind is dropped");
    job = writing(0, 64, 0);
    shrink(20, true);
    CHECK_EQ(flush(), OK);
    for (uint32_t sector = 0; sector < 20; sector++)
        CHECK_EQ(world.disk.platter[sector], job->version);
    CHECK_EQ(world.cache.unclean, 0);

    start("also at a block's end");
    job = writing(0, 64, 0);
    shrink(32, true);
    CHECK_EQ(flush(), OK);
    CHECK_EQ(world.disk.platter[31], job->version);
    CHECK_EQ(world.cache.unclean, 0);

    start("also while it is being written");
    job = writing(0, 128, 0);
    cache_tick(&world.cache);
    shrink(20, true);
    CHECK_EQ(flush(), OK);
    for (uint32_t sector = 0; sector < 20; sector++)
        CHECK_EQ(world.disk.platter[sector], job->version);
    CHECK_EQ(world.cache.unclean, 0);

    start("and before the cache knows: a FLUSH that cannot promise it fails, the next one can");
    world.failing_world = true;
    job = writing(0, 128, 0);
    cache_tick(&world.cache);
    shrink(20, false);
    finish(BLOCK_WRITE);
    (void)flush();
    CHECK_EQ(flush(), OK);
    for (uint32_t sector = 0; sector < 20; sector++)
        CHECK_EQ(world.disk.platter[sector], job->version);
    CHECK_EQ(world.cache.unclean, 0);

    start("a write that is carried out in part does not say that nothing was written");
    world.failing_world = true;
    job = writing(0, 128, BLOCK_FUA);
    shrink(20, false);
    world_settle();
    CHECK_EQ(job->status, ERR_IO);
    CHECK_EQ(flush(), OK);
    CHECK_EQ(world.disk.platter[19], job->version);
}

static void test_losses(void)
{
    struct client_job *job;

    start("what was written and not flushed is written again when the disk's server has died");
    job = writing(8, 8, 0);
    cache_tick(&world.cache);
    finish(BLOCK_WRITE);
    disk_die(true);
    disk_tell();
    CHECK_EQ(world.cache.statistics.losses, 1);
    CHECK_EQ(flush(), OK);
    CHECK_EQ(world.disk.platter[8], job->version);

    start("a write over it meanwhile does not matter");
    (void)writing(8, 8, 0);
    cache_tick(&world.cache);
    finish(BLOCK_WRITE);
    job = writing(10, 2, 0);
    disk_die(true);
    CHECK_EQ(flush(), OK);
    CHECK_EQ(world.disk.platter[10], job->version);
    CHECK_EQ(world.disk.platter[8], job->version - 1);

    start("what was flushed is not written again");
    (void)writing(8, 8, 0);
    CHECK_EQ(flush(), OK);
    disk_die(true);
    disk_tell();
    CHECK_EQ(flush(), OK);
    CHECK_EQ(world.disk.writes, 1);
}

static void test_ahead(void)
{
    settings.read_ahead = 32 << 10;
    start("sequential requests are read ahead of");
    for (uint32_t block = 0; block < 16; block++)
        read(block * 8, 8);
    CHECK(world.disk.reads < 8);
    CHECK_EQ(world.cache.statistics.ahead_used, 14);

    settings.read_ahead = 32 << 10;
    start("others are not");
    for (uint32_t block = 0; block < 32; block += 2)
        read(block * 8, 8);
    CHECK_EQ(world.disk.reads, 16);
    CHECK_EQ(world.cache.statistics.ahead, 0);

    settings.read_ahead = 64 << 10;
    start("not beyond the end");
    read(SECTORS - 16, 8);
    read(SECTORS - 8, 8);
    CHECK_EQ(world.disk.sectors_read <= 24, true);

    settings.bypass = 16 << 10;
    start("large requests do not push out what is used");
    for (uint32_t block = 0; block < 24; block++)
        read(block * 8, 8);
    for (uint32_t first = 320; first + 64 <= SECTORS; first += 64)
        read(first, 64);
    world.disk.reads = 0;
    for (uint32_t block = 0; block < 24; block++)
        read(block * 8, 8);
    CHECK_EQ(world.disk.reads, 0);
}

static void test_limits(void)
{
    unsigned done = 0;

    settings.dirty_percent = 25;
    start("more dirty blocks than allowed: writes wait, and all are written");
    for (unsigned i = 0; i < 20; i++)
        done += writing(i * 16, 8, 0)->done;
    CHECK_EQ(done, 8);
    CHECK(world.cache.unclean <= world.cache.unclean_limit);
    world_settle();
    CHECK_EQ(flush(), OK);

    start("a chunk that is given up: what is dirty in it is durable before it goes");
    for (unsigned i = 0; i < 16; i++)
        (void)writing(i * 16, 8, 0);
    for (unsigned chunk = 1; chunk < CHUNKS; chunk++)
        cache_chunk_drain(&world.cache, chunk);
    world_settle();
    CHECK(world.chunk_present[0] && !world.chunk_present[1] && !world.chunk_present[2] &&
          !world.chunk_present[3]);
    CHECK_EQ(world.cache.frame_count, 8);
    for (unsigned i = 8; i < 16; i++)
        CHECK(world.disk.platter[i * 16] != 0);
    CHECK_EQ(flush(), OK);

    start("the last chunk stays");
    for (unsigned chunk = 0; chunk < CHUNKS; chunk++)
        cache_chunk_drain(&world.cache, chunk);
    world_settle();
    CHECK(world.chunk_present[3] && world.cache.chunks[3].state == CACHE_PRESENT);

    start("DISCARD drops what is dirty in it, and nothing beside");
    (void)writing(0, 32, 0);
    (void)client_submit(BLOCK_DISCARD, 0, 12, 12);
    world_settle();
    CHECK_EQ(world.disk.discards, 1);
    CHECK_EQ(world.cache.lists[CACHE_DIRTY].length, 3);
    CHECK_EQ(flush(), OK);
    CHECK(world.disk.platter[8] != 0 && world.disk.platter[31] != 0);
}

int main(void)
{
    world_seed(1);
    test_reads();
    test_writes();
    test_flush();
    test_errors();
    test_shrinking();
    test_losses();
    test_ahead();
    test_limits();
    world_settle();
    world_end();
    return check_finish();
}
