/* SPDX-License-Identifier: MIT */
/*
 * Power cuts. At a moment of the record, the platter holds what is durable for certain and, of the writes that are not, any subset:
 * each of a write's sectors by itself, whole or torn (G16). So a sector holds its base or one of its later writes, and if that
 * one was torn, the other part is the base's or of a write before it.
 *
 * Checked are: nothing of it; all of it; each write alone, and all but each; all subsets of whole writes where these are few; and a
 * number of random images, torn ones among them. An image that was checked at another moment is checked again (more may have been promised since),
 * but counted once.
 */
#include "test/crash/crash.h"

#include <stdlib.h>
#include <string.h>

enum { RANDOM = 10, SUBSETS = 4, COMMANDS = 64 };

struct states states;

/* Hashes of images that were seen; open addressing, 0 is empty. */
static uint64_t *seen;
static uint64_t seen_size, seen_count;

static bool remember(uint64_t *table, uint64_t size, uint64_t hash)
{
    uint64_t at = hash & (size - 1);

    for (; table[at]; at = (at + 1) & (size - 1))
        if (table[at] == hash)
            return false;
    table[at] = hash;
    return true;
}

static void grow(void)
{
    uint64_t size = seen_size ? 2 * seen_size : 1 << 16;
    uint64_t *table = calloc(size, sizeof(*table));

    for (uint64_t i = 0; i < seen_size; i++)
        if (seen[i])
            (void)remember(table, size, seen[i]);
    free(seen);
    seen = table;
    seen_size = size;
}

void states_forget(void)
{
    free(seen);
    seen = NULL;
    seen_size = seen_count = 0;
}

static uint64_t hash_of(const struct content *image)
{
    const uint32_t *words = image->quarter;
    uint64_t hash = 0x9e3779b97f4a7c15u;

    for (unsigned i = 0; i < SECTORS * QUARTERS; i++) {
        hash = (hash ^ words[i]) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    return hash ? hash : 1;
}

static void check(const struct content *image)
{
    bool busy = disk_writes() >= BUSY || oracle_writes() >= BUSY;

    oracle_check(image);
    states.checked++;
    if (seen_count * 2 >= seen_size)
        grow();
    if (!remember(seen, seen_size, hash_of(image)))
        return;
    seen_count++;
    states.distinct++;
    states.busy += busy;
}

/* ---- images ---- */

/* Writes that are not durable for certain. */
struct commands {
    uint32_t number[COMMANDS];
    unsigned count;
};

static void commands_find(struct commands *commands)
{
    commands->count = 0;
    for (uint32_t i = 0; i < SECTORS; i++) {
        for (unsigned k = 0; k < disk_sectors[i].count; k++) {
            unsigned c = 0;

            while (c < commands->count && commands->number[c] != disk_sectors[i].later[k].command)
                c++;
            if (c == commands->count && c < COMMANDS)
                commands->number[commands->count++] = disk_sectors[i].later[k].command;
        }
    }
}

static bool chosen(const struct commands *commands, uint64_t subset, uint32_t number)
{
    for (unsigned c = 0; c < commands->count; c++)
        if (commands->number[c] == number)
            return subset >> c & 1;
    return false;
}

/* Whole writes: those of the subset. */
static void check_subset(const struct commands *commands, uint64_t subset)
{
    struct content image[SECTORS];

    for (uint32_t i = 0; i < SECTORS; i++) {
        const struct disk_sector *sector = &disk_sectors[i];

        image[i] = sector->base;
        for (unsigned k = 0; k < sector->count; k++)
            if (chosen(commands, subset, sector->later[k].command))
                for (unsigned q = 0; q < QUARTERS; q++)
                    image[i].quarter[q] = sector->later[k].version;
    }
    check(image);
}

/* One of the sector's writes, perhaps torn over an earlier one. */
static struct content random_content(const struct disk_sector *sector, unsigned torn)
{
    struct content content = sector->base;
    unsigned last = chance(sector->count + 1), before = last ? chance(last) : 0;
    unsigned split = QUARTERS, end = chance(2);

    for (unsigned q = 0; before && q < QUARTERS; q++)
        content.quarter[q] = sector->later[before - 1].version;
    if (!last)
        return sector->base;
    if (chance(100) < torn) {
        split = 1 + chance(QUARTERS - 1);
        states.torn++;
    }
    for (unsigned q = 0; q < split; q++)
        content.quarter[end ? QUARTERS - 1 - q : q] = sector->later[last - 1].version;
    return content;
}

static void check_random(unsigned torn)
{
    struct content image[SECTORS];

    for (uint32_t i = 0; i < SECTORS; i++)
        image[i] = disk_sectors[i].count ? random_content(&disk_sectors[i], torn) : disk_sectors[i].base;
    check(image);
}

void states_image(struct content *image)
{
    for (uint32_t i = 0; i < SECTORS; i++) {
        const struct disk_sector *sector = &disk_sectors[i];

        image[i] = sector->base;
        for (unsigned q = 0; sector->count && q < QUARTERS; q++)
            image[i].quarter[q] = sector->later[sector->count - 1].version;
    }
}

void states_check(void)
{
    struct commands commands;

    states.points++;
    commands_find(&commands);
    check_subset(&commands, 0);
    if (commands.count == 0)
        return;
    if (commands.count <= SUBSETS) {
        for (uint64_t subset = 1; subset < 1ull << commands.count; subset++)
            check_subset(&commands, subset);
    } else {
        check_subset(&commands, UINT64_MAX);
        for (unsigned c = 0; c < commands.count; c++) {
            check_subset(&commands, 1ull << c);
            check_subset(&commands, ~(1ull << c));
        }
    }
    for (unsigned i = 0; i < RANDOM; i++)
        check_random(i % 2 * 30);
}
