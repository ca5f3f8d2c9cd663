/* SPDX-License-Identifier: MIT */
#include "app/block_tester/ledger.h"

#include "app/block_tester/stamp.h"

void ledger_init(struct ledger *ledger, struct ledger_unit *units, uint64_t count, uint32_t unit_size,
                 uint32_t writer)
{
    *ledger = (struct ledger){.units = units,
                              .count = count,
                              .unit_size = unit_size,
                              .writer = writer,
                              .completed = 1,
                              .flushed = 1};
}

bool ledger_take(struct ledger *ledger, uint64_t unit, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (ledger->units[unit + i].busy)
            return false;
    for (uint64_t i = 0; i < count; i++)
        ledger->units[unit + i].busy = true;
    return true;
}

void ledger_give_back(struct ledger *ledger, uint64_t unit, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        ledger->units[unit + i].busy = false;
}

/* ---- writes ---- */

uint32_t ledger_generation(struct ledger *ledger)
{
    return ++ledger->generation;
}

uint32_t ledger_fill(struct ledger *ledger, uint64_t unit, uint64_t count, void *data)
{
    uint32_t sectors = ledger->unit_size / SECTOR_SIZE;
    struct stamp stamp = {
        .sector = unit * sectors, .generation = ledger_generation(ledger), .writer = ledger->writer};
    uint8_t *bytes = data;

    for (uint64_t i = 0; i < count * sectors; i++, stamp.sector++, bytes += SECTOR_SIZE)
        stamp_write(&stamp, bytes);
    return stamp.generation;
}

/* Anything from what is surely there to `generation`. */
static void unit_open(struct ledger_unit *unit, uint32_t generation, bool zero)
{
    if (unit->state == LEDGER_EXACT) {
        unit->older = unit->latest;
        unit->zeroes = unit->zero;
    }
    if (unit->state == LEDGER_UNKNOWN)
        return;
    unit->state = LEDGER_RANGE;
    unit->latest = generation;
    unit->zeroes |= zero;
}

static void unit_write(struct ledger *ledger, struct ledger_unit *unit, const struct ledger_write *write)
{
    /* What a loss can bring back at worst. */
    bool covered = unit->state == LEDGER_EXACT && unit->sequence < ledger->flushed;
    uint32_t older = covered ? unit->latest : unit->older;
    bool zeroes = covered ? unit->zero : unit->zeroes || unit->zero;

    if (unit->state == LEDGER_UNKNOWN)
        older = 0;
    *unit = (struct ledger_unit){.sequence = write->durable ? 0 : ledger->completed,
                                 .latest = write->generation,
                                 .older = older,
                                 .state = LEDGER_EXACT,
                                 .zero = write->zero,
                                 .zeroes = zeroes,
                                 .busy = unit->busy};
}

void ledger_written(struct ledger *ledger, const struct ledger_write *write)
{
    for (uint64_t i = 0; i < write->count; i++) {
        struct ledger_unit *unit = &ledger->units[write->unit + i];

        if (write->good)
            unit_write(ledger, unit, write);
        else
            unit_open(unit, write->generation, write->zero);
    }
    ledger->completed++;
}

void ledger_discarded(struct ledger *ledger, uint64_t unit, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        ledger->units[unit + i] = (struct ledger_unit){.busy = ledger->units[unit + i].busy};
}

void ledger_flushed(struct ledger *ledger, uint64_t mark)
{
    if (mark > ledger->flushed)
        ledger->flushed = mark;
}

void ledger_lost(struct ledger *ledger)
{
    for (uint64_t i = 0; i < ledger->count; i++) {
        struct ledger_unit *unit = &ledger->units[i];

        if (unit->state != LEDGER_EXACT || unit->sequence < ledger->flushed)
            continue;
        unit->state = unit->older ? LEDGER_RANGE : LEDGER_UNKNOWN;
        unit->zeroes |= unit->zero;
    }
}

/* ---- reading ---- */

static bool problem(struct ledger *ledger, uint64_t unit, enum ledger_problem kind)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < LEDGER_PROBLEMS; i++)
        sum += ledger->problems[i];
    if (sum == 0)
        ledger->first_bad = unit;
    ledger->problems[kind]++;
    return false;
}

static bool sector_ok(struct ledger *ledger, uint64_t unit, uint64_t sector, const void *bytes,
                      struct stamp *stamp)
{
    const struct ledger_unit *known = &ledger->units[unit];
    bool exact = known->state == LEDGER_EXACT;

    switch (stamp_read(bytes, stamp)) {
    case STAMP_ZERO: return (exact ? known->zero : known->zeroes) || problem(ledger, unit, LEDGER_STALE);
    case STAMP_TORN: return !exact || problem(ledger, unit, LEDGER_TORN);
    case STAMP_FOREIGN: return problem(ledger, unit, LEDGER_FOREIGN);
    case STAMP_WHOLE: break;
    }
    if (stamp->writer != ledger->writer)
        return problem(ledger, unit, LEDGER_FOREIGN);
    if (stamp->sector != sector)
        return problem(ledger, unit, LEDGER_MISPLACED);
    if (exact ? stamp->generation != known->latest || known->zero
              : stamp->generation < known->older || stamp->generation > known->latest)
        return problem(ledger, unit, LEDGER_STALE);
    return true;
}

/* A unit of which all sectors came from one write is known again. */
static void unit_learn(struct ledger_unit *unit, const struct stamp *first, bool same)
{
    if (unit->state != LEDGER_RANGE || !same || first->generation == 0)
        return;
    unit->state = LEDGER_EXACT;
    unit->latest = first->generation;
    unit->zero = false;
    /* It may still not be durable: `sequence` stays as it was. */
}

static bool unit_check(struct ledger *ledger, uint64_t unit, const uint8_t *data)
{
    uint32_t sectors = ledger->unit_size / SECTOR_SIZE;
    struct stamp first = {0}, stamp;
    bool good = true, same = true;

    for (uint32_t i = 0; i < sectors; i++) {
        stamp = (struct stamp){0};
        good &= sector_ok(ledger, unit, unit * sectors + i, data + (uint64_t)i * SECTOR_SIZE, &stamp);
        if (i == 0)
            first = stamp;
        same &= stamp.generation == first.generation;
    }
    ledger->checked += sectors;
    if (good)
        unit_learn(&ledger->units[unit], &first, same);
    return good;
}

bool ledger_check(struct ledger *ledger, uint64_t unit, uint64_t count, const void *data)
{
    const uint8_t *bytes = data;
    bool good = true;

    for (uint64_t i = 0; i < count; i++)
        if (ledger->units[unit + i].state != LEDGER_UNKNOWN)
            good &= unit_check(ledger, unit + i, bytes + i * ledger->unit_size);
    return good;
}
