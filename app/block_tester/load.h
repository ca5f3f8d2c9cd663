/* SPDX-License-Identifier: MIT */
/*
 * The load on one session: keeps so many requests in flight, chooses the next one by the stage's pattern, and judges what comes
 * back by the ledger.
 *
 * A slot is a request with its buffer. With retain, a slot of a write is not free before the write is released; then a FLUSH is
 * issued as soon as free slots become few.
 */
#ifndef APP_BLOCK_TESTER_LOAD_H
#define APP_BLOCK_TESTER_LOAD_H

#include "app/block_tester/latency.h"
#include "app/block_tester/ledger.h"
#include "app/block_tester/stage.h"
#include "app/block_tester/trace.h"
#include "lib/block/client.h"

struct load;

struct slot {
    struct block_request request; /* first */
    struct block_client_piece piece;
    struct load *load;
    struct slot *next_free;
    uint64_t unit, units, mark;
    uint64_t issued; /* ticks; if the stage wants latencies */
    uint32_t generation;
    bool retained, in_flight;
};

struct load_totals {
    uint64_t requests, bytes;
    uint64_t errors, lost; /* of these */
    uint64_t restarts;
    uint64_t died_least, died_most; /* requests in flight when sessions were lost */
    uint64_t twice;                 /* requests that were done again; never */
};

struct load {
    struct block_client client; /* its `context` is the load */
    const struct settings *settings;
    const struct stage *stage;
    struct ledger ledger;
    struct memory data;
    uint32_t region, slot_size;
    struct slot *slots, *free_slot;
    unsigned slot_count, free_count;
    uint64_t random, position, wanted, deadline;
    struct trace trace;
    uint64_t in_flight, writes;
    struct load_totals totals; /* of the stage */
    struct latency latency;    /* of the stage, in ticks */
    bool connected, flushing, closing, finished;
    uint64_t losses; /* that the ledger knows of */
    enum status first_error;
    void (*done)(struct load *load); /* the stage is over */
};

/* Slots, and bytes of buffers, that a stage needs. */
unsigned load_slots(const struct settings *settings, const struct stage *stage);
uint64_t load_memory(const struct settings *settings, const struct stage *stage);

/* Opens session `number` of settings->sessions, and waits for it. */
[[nodiscard]] enum status load_open(struct load *load, const struct settings *settings, unsigned number,
                                    struct entrypoint *entrypoint);
void load_close(struct load *load);

/* Begins a stage; `done` is called at its end. */
void load_start(struct load *load, const struct stage *stage, const struct trace *trace_opt,
                void (*done)(struct load *load));

/* Was everything as the stage expects? */
bool load_good(const struct load *load);

#endif
