/* SPDX-License-Identifier: MIT */
/*
 * A client of the block cache that also looks at the disk behind it, by a session of its own.
 *
 * Each write has a version; a sector's data say its number and version. What was acknowledged as durable must be on the disk
 * behind, whatever the cache says; what was written must be seen through the cache. `hog`: between two rounds of load this
 * program asks its parent for so much RAM that the cache has to yield some.
 */
#include "test/block_cache/load.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/resource.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"

static struct xml_node config;
static bool slow_writes; /* the cache writes back: what is not flushed need not be on the disk */

static uint32_t sectors_behind(uint32_t first, uint32_t sectors)
{
    uint32_t good = 0;

    load_read(&load.behind, first, sectors);
    for (uint32_t i = 0; i < sectors; i++)
        good += load_version(i, first + i) == load.versions[first + i];
    return good;
}

static void check_behind(const char *what, uint32_t first, uint32_t sectors)
{
    uint32_t good = sectors_behind(first, sectors);

    if (good != sectors)
        load_wrong("%s: %u of %u sectors are on the disk", what, good, sectors);
}

static void check_cached(const char *what, uint32_t first, uint32_t sectors)
{
    load_read(&load.cached, first, sectors);
    for (uint32_t i = 0; i < sectors; i++)
        if (load_version(i, first + i) != load.versions[first + i])
            load_wrong("%s: sector %u has version %llu through the cache", what, first + i,
                       (unsigned long long)load_version(i, first + i));
}

/* ---- steps ---- */

static void write_and_flush(void)
{
    for (uint32_t sector = 0; sector < 512; sector += 64)
        load_write(sector, 64, 0);
    check_cached("written", 0, 512);
    if (slow_writes && sectors_behind(0, 512) == 512)
        load_wrong("all of it is on the disk already: is this a cache?");
    load_flush();
    check_behind("flushed", 0, 512);
    log_info("what was flushed is on the disk behind");
}

static void write_parts(void)
{
    for (uint32_t sector = 3; sector < 512; sector += 7)
        load_write(sector, 1 + sector % 3, 0);
    check_cached("parts", 0, 512);
    load_flush();
    check_behind("parts", 0, 512);
    log_info("parts of blocks leave the rest as it was");
}

static void write_fua(void)
{
    load_write(600, 1, BLOCK_FUA);
    check_behind("FUA", 600, 1);
    load_write(608, 64, BLOCK_FUA);
    check_behind("FUA", 608, 64);
    log_info("what was written with FUA is on the disk at once");
}

static void write_zeroes(void)
{
    load_zeroes(100, 300);
    check_cached("zeroes", 0, 512);
    load_flush();
    check_behind("zeroes", 0, 512);
    log_info("zeroes are written exactly");
}

static void random_load(void)
{
    uint64_t requests = 0;

    if (config_number(config, "requests", 3000, 1, 1000000, &requests) != OK)
        return;
    load_random((uint32_t)requests);
    load_flush();
    check_behind("random load", 0, LOAD_SECTORS);
    log_info("%llu requests, %u at a time: everything is on the disk behind", (unsigned long long)requests,
             LOAD_DEPTH);
}

static void take_memory(void)
{
    uint64_t ram = 0;
    enum status status;

    if (xml_attribute_size(config, "hog", &ram) != OK)
        return;
    for (uint32_t sector = 0; sector < LOAD_SECTORS; sector += 64)
        load_write(sector, 32, 0); /* so that much is dirty */
    status = resource_request(ram, 0);
    log_info("asked for %lluK: %s", (unsigned long long)(ram >> 10), status_text(status));
    if (status != OK)
        load_wrong("nobody yields");
    check_cached("after the cache has yielded", 0, LOAD_SECTORS);
}

/* With the emulator's clock counting instructions, ticks are these: of client, kernel and server together. */
static void measure(void)
{
    uint64_t requests = 0, cached, behind;

    if (xml_attribute_unsigned(config, "measure", &requests) != OK)
        return;
    behind = load_measure(&load.behind, (uint32_t)requests);
    cached = load_measure(&load.cached, (uint32_t)requests);
    log_info("4 KiB READ: %llu ticks from the RAM disk, %llu from the cache", (unsigned long long)behind,
             (unsigned long long)cached);
}

int component_main(struct env *environment)
{
    enum status status = config_load_or_empty(&config);

    if (status != OK)
        return 2;
    (void)xml_attribute_bool(config, "slow_writes", &slow_writes);
    status = load_open(&environment->entrypoint);
    if (status != OK) {
        log_error("no BLOCK session: %s", status_text(status));
        return 1;
    }
    write_and_flush();
    write_parts();
    write_fua();
    write_zeroes();
    random_load();
    take_memory();
    random_load();
    measure();
    log_info("%u failed", load.failures);
    return load.failures != 0;
}
