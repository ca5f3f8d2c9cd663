/* SPDX-License-Identifier: MIT */
/*
 * What a sector may hold after a power cut, by the numbers of doc/storage-guarantees.md.
 *
 * Each sector has *candidates*: the writes whose content it may have, whole or in quarters. A write becomes one when it is
 * submitted (G16, G10), and ceases to be one when a write that certainly came after it is durable: by FLUSH (G6), FUA (G8) or
 * a barrier write that completed (G9). Of two writes, the one that completed before the other was submitted came first (G2), and
 * of two that were in flight together the one that completed first (G3); where the client library split one, nobody knows. A DISCARD is
 * a candidate that allows anything (G14).
 *
 * A barrier write that is on the disk, in part only or not completed yet, tells that what had completed before its submission is durable (G9).
 *
 * After a loss that the writer was told of, a FLUSH covers what completed later (G19): what may be lost stays a candidate, but promises
 * nothing.
 */
#include "test/crash/crash.h"

#include <string.h>

enum { NOT_YET = 0 };

struct write {
    enum block_operation operation;
    uint32_t first, sectors;
    uint64_t submitted, ended, lost; /* times; NOT_YET */
    bool single, ok, barrier, fua;
};

static struct write all[WRITES];
static uint32_t count;
static uint16_t candidates[SECTORS][CANDIDATES];
static unsigned candidate_counts[SECTORS];
static unsigned in_flight;

void oracle_make(void)
{
    memset(candidates, 0, sizeof(candidates)); /* number 0: what the disk held at first, zeroes */
    for (uint32_t i = 0; i < SECTORS; i++)
        candidate_counts[i] = 1;
    all[0] = (struct write){
        .operation = BLOCK_WRITE_ZEROES, .sectors = SECTORS, .submitted = tick(), .single = true, .ok = true};
    all[0].ended = tick();
    count = 1;
    in_flight = 0;
}

unsigned oracle_writes(void)
{
    return in_flight;
}

/* ---- order ---- */

static bool came_before(const struct write *a, const struct write *b)
{
    if (a->ended == NOT_YET)
        return false;
    if (a->ended < b->submitted)
        return true;
    return a->single && b->single && b->ended != NOT_YET && a->ended < b->ended;
}

/* What is submitted at `time` and makes durable what was completed covers this write. */
static bool covered(const struct write *write, uint64_t time)
{
    return write->ok && write->ended < time && !(write->lost != NOT_YET && write->lost < time);
}

/* A later write of this sector is durable, if that of `time` is. */
static bool superseded(const struct write *write, uint32_t sector, uint64_t time)
{
    for (unsigned i = 0; i < candidate_counts[sector]; i++) {
        const struct write *other = &all[candidates[sector][i]];

        if (covered(other, time) && came_before(write, other))
            return true;
    }
    return false;
}

/* ---- candidates go ---- */

static void drop_if(uint32_t sector, bool (*gone)(const struct write *, uint32_t, const void *),
                    const void *why)
{
    unsigned left = 0;
    uint16_t kept[CANDIDATES];

    for (unsigned i = 0; i < candidate_counts[sector]; i++)
        if (!gone(&all[candidates[sector][i]], sector, why))
            kept[left++] = candidates[sector][i];
    memcpy(candidates[sector], kept, left * sizeof(kept[0]));
    candidate_counts[sector] = left;
}

static bool gone_by_flush(const struct write *write, uint32_t sector, const void *time)
{
    return superseded(write, sector, *(const uint64_t *)time);
}

static bool gone_by_write(const struct write *write, uint32_t sector, const void *durable)
{
    (void)sector;
    return came_before(write, durable);
}

void oracle_flushed(uint64_t submitted)
{
    for (uint32_t i = 0; i < SECTORS; i++)
        drop_if(i, gone_by_flush, &submitted);
}

void oracle_lost(void)
{
    uint64_t now = tick();

    for (uint32_t i = 1; i < count; i++)
        if (all[i].ok && all[i].lost == NOT_YET)
            all[i].lost = now;
}

/* ---- the log ---- */

uint32_t oracle_submit(enum block_operation operation, unsigned flags, uint32_t first, uint32_t sectors,
                       bool single)
{
    struct write *write = &all[count];

    *write = (struct write){.operation = operation,
                            .first = first,
                            .sectors = sectors,
                            .submitted = tick(),
                            .single = single,
                            .fua = flags & BLOCK_FUA,
                            .barrier = flags & BLOCK_BARRIER};
    for (uint32_t i = first; i < first + sectors; i++) {
        if (candidate_counts[i] == CANDIDATES)
            wrong("the test is too small: candidates");
        else
            candidates[i][candidate_counts[i]++] = (uint16_t)count;
    }
    in_flight++;
    return count++;
}

void oracle_done(uint32_t version, enum status status)
{
    struct write *write = &all[version];
    uint32_t end = write->first + write->sectors;

    write->ended = tick();
    write->ok = status == OK;
    in_flight--;
    if (status != OK) /* it may be there all the same: the client library may have submitted it twice (G4) */
        return;
    if (write->barrier)
        oracle_flushed(write->submitted);
    for (uint32_t i = write->first; write->fua && i < end; i++)
        drop_if(i, gone_by_write, write);
}

/* ---- judging ---- */

static bool could_be(const struct write *write, uint32_t version)
{
    if (write->operation == BLOCK_WRITE)
        return version == (uint32_t)(write - all);
    return write->operation == BLOCK_DISCARD || version == 0;
}

static bool allowed(uint32_t sector, uint32_t version, uint64_t barrier)
{
    for (unsigned i = 0; i < candidate_counts[sector]; i++) {
        const struct write *write = &all[candidates[sector][i]];

        if (could_be(write, version) && !(barrier && superseded(write, sector, barrier)))
            return true;
    }
    return false;
}

/* When the last barrier write was submitted of which something is on the disk. */
static uint64_t barrier_seen(const struct content *image)
{
    uint64_t time = 0;

    for (uint32_t i = 0; i < SECTORS; i++) {
        for (unsigned q = 0; q < QUARTERS; q++) {
            uint32_t version = image[i].quarter[q];

            if (version < count && all[version].barrier && all[version].submitted > time)
                time = all[version].submitted;
        }
    }
    return time;
}

void oracle_check(const struct content *image)
{
    uint64_t barrier = barrier_seen(image);

    for (uint32_t i = 0; i < SECTORS && !violations; i++) {
        for (unsigned q = 0; q < QUARTERS; q++) {
            uint32_t version = image[i].quarter[q];

            if (q && version == image[i].quarter[q - 1])
                continue;
            if (allowed(i, version, barrier))
                continue;
            wrong("after a power cut, sector %u holds version %u%s", i, version,
                  allowed(i, version, 0) ? ", but a later barrier write is there" : "");
            return;
        }
    }
}

void oracle_check_last(const struct content *image)
{
    for (uint32_t i = 0; i < SECTORS; i++) {
        const struct write *last = &all[candidates[i][0]];

        for (unsigned k = 1; k < candidate_counts[i]; k++)
            if (came_before(last, &all[candidates[i][k]]))
                last = &all[candidates[i][k]];
        if (last->ok && last->lost == NOT_YET && last->operation == BLOCK_WRITE &&
            !allowed(i, image[i].quarter[0], UINT64_MAX))
            wrong("at the end, sector %u holds version %u", i, image[i].quarter[0]);
    }
}
