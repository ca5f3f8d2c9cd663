/* SPDX-License-Identifier: MIT */
/* The disk below, and the client library's functions that the cache calls. */
#include "server/block_cache/test/world.h"

#include "lib/range/range.h"

#include <stdlib.h>
#include <string.h>

/* ---- data ---- */

void sector_fill(uint8_t *data, uint32_t sector, uint32_t version)
{
    uint32_t words[4] = {sector, version, ~version, 0x5ec704};

    for (unsigned i = 0; i < 512; i += 16)
        memcpy(data + i, words, 16);
}

uint32_t sector_version(const uint8_t *data, uint32_t sector)
{
    uint32_t words[4];

    memcpy(words, data, 16);
    if (words[0] != sector || words[2] != ~words[1] || words[3] != 0x5ec704 ||
        memcmp(data, data + 16, 496) != 0)
        return UINT32_MAX;
    return words[1];
}

static void gather(const struct block_request *request, uint8_t *to)
{
    for (unsigned i = 0; i < request->piece_count; i++) {
        const struct block_client_piece *piece = &request->pieces[i];

        memcpy(to, world.disk.regions[piece->region] + piece->offset, piece->length);
        to += piece->length;
    }
}

static uint8_t *place(const struct block_request *request, uint64_t at)
{
    unsigned i = 0;

    while (at >= request->pieces[i].length)
        at -= request->pieces[i++].length;
    return world.disk.regions[request->pieces[i].region] + request->pieces[i].offset + at;
}

/* ---- the client library's part ---- */

const struct block_info *block_client_info(const struct block_client *client)
{
    (void)client;
    return &world.info;
}

bool block_client_lost(const struct block_client *client)
{
    (void)client;
    return world.disk.lost;
}

void block_client_acknowledge(struct block_client *client)
{
    (void)client;
    world.disk.lost = false;
}

static void check_request(const struct block_request *request)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < request->piece_count; i++)
        total += request->pieces[i].length;
    if (request->operation == BLOCK_READ || request->operation == BLOCK_WRITE) {
        if (total != request->length || total == 0 || request->offset + total > SECTORS * 512ull)
            world_wrong("a request below of %llu bytes at %llu with pieces of %llu",
                        (unsigned long long)request->length, (unsigned long long)request->offset,
                        (unsigned long long)total);
    }
    for (unsigned i = 0; i < PENDING; i++)
        if (world.disk.pending[i].request == request)
            world_wrong("a request is submitted twice");
}

void block_client_submit(struct block_client *client, struct block_request *request)
{
    struct pending *pending = world.disk.pending;

    (void)client;
    check_request(request);
    while (pending->request)
        pending++;
    *pending = (struct pending){
        .request = request, .submitted = ++world.disk.time, .epoch = world.disk.epoch, .status = OK};
    if (request->operation == BLOCK_WRITE) {
        pending->data = malloc(request->length);
        gather(request, pending->data);
    }
}

/* ---- carrying out ---- */

static void remember(uint32_t sector, uint32_t version, const struct block_request *by)
{
    struct disk *disk = &world.disk;

    disk->view[sector] = version;
    if (disk->histories[sector] == HISTORY) {
        disk->platter[sector] = disk->history[sector][0].version;
        memmove(disk->history[sector], disk->history[sector] + 1, (HISTORY - 1) * sizeof(**disk->history));
        disk->histories[sector]--;
    }
    disk->history[sector][disk->histories[sector]++] = (struct volatile_write){.version = version, .by = by};
}

/* The first `count` of what is volatile reach the platter. */
static void to_platter(uint32_t sector, unsigned count)
{
    struct disk *disk = &world.disk;

    if (!count)
        return;
    disk->platter[sector] = disk->history[sector][count - 1].version;
    disk->histories[sector] = (uint8_t)(disk->histories[sector] - count);
    memmove(disk->history[sector], disk->history[sector] + count,
            disk->histories[sector] * sizeof(**disk->history));
}

static void carry_out_write(struct pending *pending)
{
    const struct block_request *request = pending->request;
    uint32_t first = (uint32_t)(request->offset / 512);
    uint8_t *now = malloc(request->length);

    gather(request, now);
    if (memcmp(now, pending->data, request->length) != 0)
        world_wrong("a write in flight was changed (R2)");
    for (uint32_t i = 0; i < request->length / 512; i++) {
        uint32_t version = sector_version(now + (size_t)i * 512, first + i);

        if (version == UINT32_MAX) {
            world_wrong("sector %u is written with something else", first + i);
            break;
        }
        if (world.disk.bad_write[first + i]) {
            pending->status = ERR_IO;
            continue;
        }
        remember(first + i, version, request);
        world.disk.sectors_written++;
        if (request->flags & BLOCK_FUA)
            to_platter(first + i, world.disk.histories[first + i]);
    }
    free(now);
}

static void carry_out_read(struct pending *pending)
{
    const struct block_request *request = pending->request;
    uint32_t first = (uint32_t)(request->offset / 512);

    for (uint32_t i = 0; i < request->length / 512; i++) {
        if (world.disk.bad_read[first + i]) {
            if (pending->status == OK)
                pending->bytes_done = (uint64_t)i * 512;
            pending->status = ERR_IO;
            memset(place(request, (uint64_t)i * 512), 0xbb, 512);
            continue;
        }
        sector_fill(place(request, (uint64_t)i * 512), first + i, world.disk.view[first + i]);
        world.disk.sectors_read++;
    }
}

static void carry_out_flush(const struct pending *pending)
{
    struct disk *disk = &world.disk;

    for (uint32_t sector = 0; sector < SECTORS; sector++) {
        unsigned count = 0;

        for (unsigned i = 0; i < disk->histories[sector]; i++) {
            uint64_t completed = disk->history[sector][i].completed;

            if (completed && completed < pending->submitted)
                count = i + 1;
        }
        to_platter(sector, count);
    }
}

void disk_carry_out(struct pending *pending)
{
    struct disk *disk = &world.disk;
    const struct block_request *request = pending->request;

    pending->carried_out = true;
    if (!range_ok(request->offset, request->length, world.info.size)) { /* it has shrunk (G23): as a whole */
        pending->status = ERR_RANGE;
        return;
    }
    switch (request->operation) {
    case BLOCK_READ:
        disk->reads++;
        carry_out_read(pending);
        break;
    case BLOCK_WRITE:
        disk->writes++;
        carry_out_write(pending);
        break;
    case BLOCK_FLUSH:
        disk->flushes++;
        if (disk->bad_flush)
            pending->status = ERR_IO;
        else
            carry_out_flush(pending);
        break;
    default:
        disk->discards++;
        for (uint64_t sector = request->offset / 512; sector < (request->offset + request->length) / 512;
             sector++)
            if (chance(2))
                remember((uint32_t)sector, 0, request);
        break;
    }
}

static void write_completed(const struct block_request *request)
{
    struct disk *disk = &world.disk;

    for (uint64_t sector = request->offset / 512; sector < (request->offset + request->length) / 512;
         sector++)
        for (unsigned i = 0; i < disk->histories[sector]; i++)
            if (disk->history[sector][i].by == request) {
                disk->history[sector][i].by = NULL;
                disk->history[sector][i].completed = disk->time;
            }
    if (!(request->flags & BLOCK_FUA))
        disk->write_completed = disk->time;
}

void disk_complete(struct pending *pending)
{
    struct disk *disk = &world.disk;
    struct block_request *request = pending->request;

    disk->time++;
    request->status = pending->status;
    request->bytes_done = pending->status == OK ? request->length : pending->bytes_done;
    if (request->operation == BLOCK_FLUSH && (disk->lost || pending->epoch != disk->epoch))
        request->status = ERR_LOST;
    if (request->operation == BLOCK_FLUSH && request->status == OK)
        disk->covered = pending->submitted;
    if (request->operation == BLOCK_WRITE) {
        uint8_t *now = malloc(request->length);

        gather(request, now);
        if (memcmp(now, pending->data, request->length) != 0)
            world_wrong("a write was changed before it completed (R2)");
        free(now);
    }
    if (request->operation == BLOCK_WRITE || request->operation == BLOCK_DISCARD)
        write_completed(request);
    free(pending->data);
    *pending = (struct pending){0};
    request->done(request);
}

/* ---- what happens ---- */

unsigned disk_pending(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < PENDING; i++)
        count += world.disk.pending[i].request != NULL;
    return count;
}

struct pending *disk_find(enum block_operation operation)
{
    struct pending *found = NULL;

    for (unsigned i = 0; i < PENDING; i++) {
        struct pending *pending = &world.disk.pending[i];

        if (pending->request && !pending->carried_out && pending->request->operation == operation &&
            (!found || pending->submitted < found->submitted))
            found = pending;
    }
    return found;
}

bool disk_step(void)
{
    struct pending *found[PENDING];
    unsigned count = 0;

    for (unsigned i = 0; i < PENDING; i++)
        if (world.disk.pending[i].request)
            found[count++] = &world.disk.pending[i];
    if (!count)
        return false;

    struct pending *pending = found[chance(count)];

    if (pending->carried_out)
        disk_complete(pending);
    else
        disk_carry_out(pending);
    return true;
}

void disk_wander(void)
{
    uint32_t sector = chance(SECTORS);

    if (world.disk.histories[sector])
        to_platter(sector, 1 + chance(world.disk.histories[sector]));
}

static void carry_out_in_part(const struct pending *pending)
{
    const struct block_request *request = pending->request;
    uint32_t first = (uint32_t)(request->offset / 512);

    for (uint32_t i = 0; i < request->length / 512; i++)
        if (chance(2))
            remember(first + i, sector_version(pending->data + (size_t)i * 512, first + i), request);
}

static void lose_volatile(void)
{
    struct disk *disk = &world.disk;

    for (uint32_t sector = 0; sector < SECTORS; sector++) {
        to_platter(sector, chance(disk->histories[sector] + 1u));
        disk->histories[sector] = 0;
        disk->view[sector] = disk->platter[sector];
    }
}

void disk_die(bool lose)
{
    struct disk *disk = &world.disk;

    for (unsigned i = 0; i < PENDING; i++) {
        struct pending *pending = &disk->pending[i];

        if (!pending->request)
            continue;
        if (pending->request->operation == BLOCK_WRITE && !pending->carried_out)
            carry_out_in_part(pending);
        pending->carried_out = false;
        pending->status = OK;
    }
    if (!lose)
        return;
    lose_volatile();
    disk->epoch++;
    disk->change_due = true;
    if (disk->write_completed > disk->covered)
        disk->lost = true;
    disk->covered = disk->time;
}

void disk_tell(void)
{
    if (!world.disk.change_due)
        return;
    world.disk.change_due = false;
    cache_client_changed(&world.cache);
}
