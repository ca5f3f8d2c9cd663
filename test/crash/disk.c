/* SPDX-License-Identifier: MIT */
/*
 * The disk, which is the record too. Of each sector it keeps what is durable for certain (`base`), and in order of submission what was
 * written later. What is later may be on the platter at any moment, in any combination: that is states.c's business. It
 * becomes certain by
 *   - a FLUSH that completes: what had completed before the FLUSH was submitted, and no more;
 *   - a write with FUA that completes: itself.
 * The engine keeps overlapping commands apart (D2), so a sector's writes have an order.
 */
#include "test/crash/crash.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 64, PIECES = 8, TRANSFER = 16 * SECTOR };

struct command {
    struct block_job *job_opt; /* NULL: free */
    uint32_t number;
    uint64_t submitted;
    uint8_t data[TRANSFER]; /* of a WRITE, as it was when it was submitted */
};

struct block_device disk;
struct disk_sector disk_sectors[SECTORS];
static struct command commands[PLACES];
static uint32_t numbers;

/* ---- data ---- */

static void words_of(uint32_t sector, uint32_t version, uint32_t *words)
{
    words[0] = version ? sector : 0;
    words[1] = version;
    words[2] = version ? ~version : 0;
    words[3] = version ? 0x5ec704 : 0;
}

static void quarter_fill(uint8_t *data, uint32_t sector, uint32_t version)
{
    uint32_t words[4];

    words_of(sector, version, words);
    for (unsigned i = 0; i < SECTOR / QUARTERS; i += sizeof(words))
        memcpy(data + i, words, sizeof(words));
}

void sector_fill(uint8_t *data, uint32_t sector, uint32_t version)
{
    for (unsigned i = 0; i < QUARTERS; i++)
        quarter_fill(data + i * SECTOR / QUARTERS, sector, version);
}

static uint32_t sector_version(const uint8_t *data, uint32_t sector)
{
    uint32_t words[4], expected[4];

    memcpy(words, data, sizeof(words));
    words_of(sector, words[1], expected);
    if (memcmp(words, expected, sizeof(words)) != 0 || memcmp(data, data + 16, SECTOR - 16) != 0)
        wrong("what is written to sector %u is no sector", sector);
    return words[1];
}

/* Between the job's pieces and `data`. */
static void transfer(const struct block_job *job, uint8_t *data, bool to_client)
{
    for (unsigned i = 0; i < job->piece_count; i++) {
        const struct block_piece *piece = &job->pieces[i];
        uint8_t *memory = (uint8_t *)piece->region->address_opt + piece->offset;

        memcpy(to_client ? memory : data, to_client ? data : memory, piece->length);
        data += piece->length;
    }
}

/* ---- sectors ---- */

static struct content whole(uint32_t version)
{
    return (struct content){{version, version, version, version}};
}

/* Writes up to the one at `last` are over. */
static void settle(struct disk_sector *sector, unsigned last)
{
    sector->base = whole(sector->later[last].version);
    sector->count -= last + 1;
    memmove(sector->later, sector->later + last + 1, sector->count * sizeof(sector->later[0]));
}

static void remember(struct disk_sector *sector, uint32_t version, uint32_t command)
{
    if (sector->count == LATER)
        settle(sector, 0); /* it may */
    sector->later[sector->count++] = (struct later){.version = version, .command = command};
}

static bool writes(const struct block_job *job)
{
    return job->operation != BLOCK_READ && job->operation != BLOCK_FLUSH;
}

static uint32_t first_sector(const struct block_job *job)
{
    return (uint32_t)(job->offset / SECTOR);
}

static uint32_t sector_count(const struct block_job *job)
{
    return (uint32_t)(job->length / SECTOR);
}

/* ---- commands ---- */

static uint32_t version_of(const struct command *command, uint32_t index)
{
    const struct block_job *job = command->job_opt;

    if (job->operation == BLOCK_WRITE)
        return sector_version(command->data + (size_t)index * SECTOR, first_sector(job) + index);
    return job->operation == BLOCK_DISCARD ? VERSION_UNDEFINED : 0;
}

static enum status submit(struct block_device *device, struct block_job *job)
{
    struct command *command = commands;

    (void)device;
    while (command->job_opt)
        command++;
    command->job_opt = job;
    command->number = ++numbers;
    command->submitted = tick();
    if (job->operation == BLOCK_WRITE)
        transfer(job, command->data, false);
    for (uint32_t i = 0; writes(job) && i < sector_count(job); i++)
        remember(&disk_sectors[first_sector(job) + i], version_of(command, i), command->number);
    states_check();
    return OK;
}

static void read_fill(const struct block_job *job)
{
    uint8_t data[TRANSFER];

    for (uint32_t i = 0; i < sector_count(job); i++) {
        const struct disk_sector *sector = &disk_sectors[first_sector(job) + i];
        struct content content =
            sector->count ? whole(sector->later[sector->count - 1].version) : sector->base;

        for (unsigned q = 0; q < QUARTERS; q++)
            quarter_fill(data + i * SECTOR + q * SECTOR / QUARTERS, first_sector(job) + i,
                         content.quarter[q]);
    }
    transfer(job, data, true);
}

static void write_end(const struct command *command)
{
    const struct block_job *job = command->job_opt;
    uint8_t data[TRANSFER];
    uint64_t now = tick();

    if (job->operation == BLOCK_WRITE) {
        transfer(job, data, false);
        if (memcmp(data, command->data, job->length) != 0)
            wrong("data change while the disk writes them");
    }
    for (uint32_t i = 0; i < sector_count(job); i++) {
        struct disk_sector *sector = &disk_sectors[first_sector(job) + i];

        for (unsigned k = 0; k < sector->count; k++) {
            if (sector->later[k].command != command->number)
                continue;
            sector->later[k].completed = now;
            if (job->flags & BLOCK_FUA)
                settle(sector, k);
            break;
        }
    }
}

static void flush_end(const struct command *command)
{
    for (uint32_t i = 0; i < SECTORS; i++) {
        struct disk_sector *sector = &disk_sectors[i];
        unsigned covered = 0;

        while (covered < sector->count && sector->later[covered].completed &&
               sector->later[covered].completed < command->submitted)
            covered++;
        if (covered)
            settle(sector, covered - 1);
    }
}

bool disk_step(void)
{
    struct command *command = NULL;
    unsigned start = chance(PLACES);

    for (unsigned i = 0; i < PLACES && !command; i++)
        if (commands[(start + i) % PLACES].job_opt)
            command = &commands[(start + i) % PLACES];
    if (!command)
        return false;

    struct block_job *job = command->job_opt;

    if (job->operation == BLOCK_READ)
        read_fill(job);
    else if (job->operation == BLOCK_FLUSH)
        flush_end(command);
    else
        write_end(command);
    command->job_opt = NULL;
    states_check();
    block_job_done(job, OK, job->length);
    chain_device_done();
    return true;
}

unsigned disk_writes(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < PLACES; i++)
        count += commands[i].job_opt && writes(commands[i].job_opt);
    return count;
}

/* What had completed is there, or not; what is in flight may be there in part, and goes on. */
void disk_lose(void)
{
    for (uint32_t i = 0; i < SECTORS; i++) {
        struct disk_sector *sector = &disk_sectors[i];
        unsigned left = 0, kept = chance(sector->count + 1);

        if (kept) {
            struct content new = whole(sector->later[kept - 1].version);
            unsigned split = chance(3) ? QUARTERS : 1 + chance(QUARTERS - 1);

            memcpy(sector->base.quarter, new.quarter, split * sizeof(new.quarter[0]));
        }
        for (unsigned k = 0; k < sector->count; k++)
            if (!sector->later[k].completed)
                sector->later[left++] = sector->later[k];
        sector->count = left;
    }
    disk.verifier++;
    chain_device_changed();
}

void disk_make(void)
{
    static const struct block_device_ops ops = {.submit = submit};

    memset(commands, 0, sizeof(commands));
    memset(disk_sectors, 0, sizeof(disk_sectors));
    numbers = 0;
    disk = (struct block_device){.ops = &ops,
                                 .verifier = 1,
                                 .limits = {.size = (uint64_t)SECTORS * SECTOR,
                                            .block_size = SECTOR,
                                            .physical_block_size = SECTOR,
                                            .depth = PLACES - 2,
                                            .transfer_max = TRANSFER,
                                            .pieces_max = PIECES,
                                            .alignment = 4,
                                            .discard_max = 32 * SECTOR,
                                            .discard_granularity = 2 * SECTOR,
                                            .write_zeroes_max = 16 * SECTOR,
                                            .exclusive = settings.exclusive,
                                            .flags = settings.flags}};
}
