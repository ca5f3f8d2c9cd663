/* SPDX-License-Identifier: MIT */
/*
 * What must be on the disk, unit by unit (a unit is a logical block), by what was told to be done.
 *
 * A unit is known to hold one write's data, or zeroes; or, after a loss or a failed write, anything between two writes, until it
 * is read or written again; or nothing is known of it. Requests in flight never overlap: the ledger hands units out.
 * Sequence numbers count completed writes, so that it is known which of them a FLUSH covered (G6 of doc/storage-guarantees.md).
 *
 * Hardware-free.
 */
#ifndef APP_BLOCK_TESTER_LEDGER_H
#define APP_BLOCK_TESTER_LEDGER_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum ledger_state {
    LEDGER_UNKNOWN, /* never written, or discarded */
    LEDGER_EXACT,   /* the write `latest` */
    LEDGER_RANGE, /* of each sector, some write from `older` to `latest`, perhaps torn; or, if `zeroes`, zeroes */
};

struct ledger_unit {
    uint64_t sequence;      /* when `latest` was completed */
    uint32_t latest, older; /* generations; 0: what was there before anything was written */
    uint8_t state;
    bool zero;   /* `latest` is a write of zeroes */
    bool zeroes; /* one of those between may be */
    bool busy;   /* a request is in flight */
};

enum ledger_problem {
    LEDGER_STALE,     /* an older write's data, or one that was never made */
    LEDGER_MISPLACED, /* belongs elsewhere */
    LEDGER_TORN,
    LEDGER_FOREIGN, /* another writer's, or no test data */
    LEDGER_PROBLEMS,
};

struct ledger {
    struct ledger_unit *units;
    uint64_t count;
    uint32_t unit_size; /* bytes */
    uint32_t writer;
    uint32_t generation; /* the last one given */
    uint64_t completed;  /* sequence of the next write that completes */
    uint64_t flushed;    /* those before are durable */
    uint64_t problems[LEDGER_PROBLEMS];
    uint64_t checked;   /* sectors of which something was known */
    uint64_t first_bad; /* unit, of the first problem */
};

/* `units` is zeroed, and lent. */
void ledger_init(struct ledger *ledger, struct ledger_unit *units, uint64_t count, uint32_t unit_size,
                 uint32_t writer);

/* Takes units for a request. False: some of them are busy. */
bool ledger_take(struct ledger *ledger, uint64_t unit, uint64_t count);
void ledger_give_back(struct ledger *ledger, uint64_t unit, uint64_t count);

/* The data of a write, with a new generation. */
uint32_t ledger_fill(struct ledger *ledger, uint64_t unit, uint64_t count, void *data);
uint32_t ledger_generation(struct ledger *ledger);

struct ledger_write {
    uint64_t unit, count;
    uint32_t generation;
    bool zero, durable; /* of zeroes; with FUA */
    bool good;          /* done with OK */
};
void ledger_written(struct ledger *ledger, const struct ledger_write *write);
void ledger_discarded(struct ledger *ledger, uint64_t unit, uint64_t count);

/* Of now: what a FLUSH that is submitted now will cover. */
static inline uint64_t ledger_mark(const struct ledger *ledger)
{
    return ledger->completed;
}
/* The FLUSH that was submitted at `mark` is done. */
void ledger_flushed(struct ledger *ledger, uint64_t mark);

/* Completed writes that were not flushed may be lost. */
void ledger_lost(struct ledger *ledger);

/* Compares what was read. True: all is as it must be. What was read of a range is known afterwards. */
bool ledger_check(struct ledger *ledger, uint64_t unit, uint64_t count, const void *data);

#endif
