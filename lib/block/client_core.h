/* SPDX-License-Identifier: MIT */
/*
 * The hardware-free core of a BLOCK client: requests, their parts, tags, and what happens to them when the server dies.
 * lib/block/client.h is what programs use.
 *
 * A request is split into *parts*, one tag each; a part is an element of the submission ring. Parts exist only while they have a
 * tag, so depth of the queue and number of parts are one, and nothing is allocated.
 *
 * A request is in one list at a time:
 *
 *     submit -> WAITING -> ISSUED -> done -> (RETAINED: a write, until a FLUSH covers it) -> released
 *                  ^----------'                  '--> REPLAY -> REPLAYING -> RETAINED, after a loss
 *              the session is lost
 *
 * Invariants (block_core_check; guarantees G.. are those of doc/storage-guarantees.md):
 *   C1  a tag is free, or belongs to one part of one request that is WAITING (partly issued), ISSUED, REPLAY or REPLAYING (G1)
 *   C2  `parts` of a request is the number of its tags
 *   C3  RETAINED is in the order of completion, with rising sequence; what a FLUSH covers is its beginning (G6)
 *   C4  nothing is issued while there is anything in REPLAY or REPLAYING, except these (G20)
 *   C5  of the requests in REPLAYING no two overlap
 *   C6  no request is done by a completion of before the last change of the verifier, nor a FLUSH with OK if `lost` (G19, G21)
 *   C7  a bounce slot is free, or belongs to one tag
 */
#ifndef LIB_BLOCK_CLIENT_CORE_H
#define LIB_BLOCK_CLIENT_CORE_H

#include "contract/block/wire.h"
#include "lib/base/status.h"
#include "lib/ring/ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_BOUNCE_SLOTS 64u
#define BLOCK_NONE         UINT32_MAX

/* A piece of a request's data. */
struct block_client_piece {
    uint32_t region; /* of block_client_region_add */
    uint32_t length; /* bytes, not 0 */
    uint64_t offset; /* bytes in the region */
};

struct block_request {
    enum block_operation operation;          /* not CANCEL */
    unsigned flags;                          /* enum block_element_flag */
    uint64_t offset, length;                 /* bytes; FLUSH: 0 */
    const struct block_client_piece *pieces; /* lent until done, with options.retain until released */
    unsigned piece_count;
    void (*done)(struct block_request *request); /* may submit */
    /* With options.retain: a WRITE or WRITE_ZEROES without FUA that was done with OK is no longer needed. May submit. */
    void (*released_opt)(struct block_request *request);

    /* when done: */
    enum status status;
    uint64_t bytes_done;

    /* private */
    struct block_request *next, **place; /* the pointer that points here */
    uint64_t sequence;     /* FLUSH, BARRIER: it covers what is before this; RETAINED: its place */
    uint64_t progress;     /* bytes that have been given to parts */
    uint64_t piece_offset; /* where that is in `pieces` */
    uint32_t piece;
    uint32_t parts;
    uint8_t state; /* enum block_request_state */
    bool issued;   /* at least once */
    bool
        again; /* may have been carried out by an earlier server, or before a loss: ERR_ABORTED would be a lie */
    bool cancelled;
    bool flushing;  /* FUA with retain: written, being flushed */
    bool too_early; /* submitted before the loss was acknowledged: as FLUSH or with BARRIER it fails (G19) */
};

enum block_request_state {
    BLOCK_REQUEST_FREE = 0,
    BLOCK_REQUEST_WAITING,
    BLOCK_REQUEST_ISSUED,
    BLOCK_REQUEST_FINISHED, /* `done` is to be called */
    BLOCK_REQUEST_RETAINED,
    BLOCK_REQUEST_REPLAY,
    BLOCK_REQUEST_REPLAYING,
};

struct block_list {
    struct block_request *first, **end; /* where the next one's address goes */
};

/* What a tag stands for. */
struct block_part {
    struct block_request *request_opt; /* NULL: free, or a CANCEL */
    uint64_t offset, length;           /* bytes in the request */
    uint64_t piece_offset;             /* where a bounced part begins in the request's pieces */
    uint32_t piece;
    uint32_t bounce; /* slot, or BLOCK_NONE */
    uint32_t next_free;
    bool used;
    bool cancel_sent;
};

struct block_core_region {
    uint8_t *address_opt; /* for bouncing */
    uint64_t size;        /* bytes */
    uint32_t wire;        /* the server's number */
    bool used, write;
    bool registered; /* the server can reach it; false: always bounced */
};

struct block_core;

struct block_core_settings {
    uint32_t depth;    /* a power of two, 2 to BLOCK_DEPTH_MAX */
    uint32_t segments; /* of an element, at most; the table has depth times as many */
    bool retain, for_others;
    /* Something has failed at its submission: block_core_finish() is due, but not from inside. */
    void (*failed_opt)(struct block_core *core);
};

struct block_core {
    struct block_core_settings settings;
    struct block_info info;
    struct ring_producer submission;
    struct ring_consumer completion;
    const struct block_state *state; /* written by the server */
    struct block_segment *table;
    struct block_part *parts; /* by tag; `depth` of them, lent */
    struct block_core_region regions[BLOCK_REGIONS_MAX];
    uint32_t bounce_region;    /* BLOCK_NONE: no bounce buffer */
    uint32_t bounce_slot_size; /* bytes */
    uint64_t bounce_slots;     /* a bit a slot */
    uint64_t bounce_free;

    struct block_list waiting, issued, finished, retained, replay, replaying;
    uint32_t free_tag; /* the first of the list */
    uint32_t transfer_max, segments_max, boundary_mask, block_mask, alignment_mask;
    uint32_t in_flight; /* tags in use */

    uint64_t verifier;          /* of the server, as known last */
    uint64_t completed;         /* writes so far; the next one's sequence */
    uint64_t durable;           /* without retain: those before this one are */
    uint64_t lost_sequence;     /* without retain: those before this one may be lost */
    bool known;                 /* `verifier` is valid */
    bool connected;             /* rings are open */
    bool flowing;               /* connected, and nothing holds requests back */
    bool draining;              /* the verifier has changed, what is in flight comes back first */
    bool lost;                  /* until acknowledged */
    bool broken;                /* the server has broken its side: G25 */
    bool cancelling;            /* a CANCEL is to be sent */
    bool acknowledge_due;       /* the server is to be told that `verifier` is known */
    bool changed;               /* the caller is to be told */
    bool gone;                  /* for good: everything fails with ERR_PEER_GONE */
    uint64_t statistic_split;   /* requests that took more than one part */
    uint64_t statistic_bounced; /* parts */
    uint64_t losses;            /* that the caller was told of */
    uint64_t statistic_replayed, statistic_resubmitted; /* requests */
};

/* `parts` has settings->depth elements and is lent for the core's life. The core must stay where it is. */
void block_core_init(struct block_core *core, const struct block_core_settings *settings,
                     struct block_part *parts);

/* Where things lie in the memory of a queue. */
void block_core_layout(const struct block_core_settings *settings, struct block_connect *layout);

/* A server's limits make sense. ERR_INVALID: no. */
[[nodiscard]] enum status block_info_check(const struct block_info *info);

/* A session is there: `info` is its server's, `memory` (zeroed, by block_core_layout) its queue. Requests flow.
   ERR_INVALID: the limits do not make sense, or another block size than before. */
[[nodiscard]] enum status block_core_attach(struct block_core *core, const struct block_info *info,
                                            void *memory, size_t size);

/* The server told other limits in the same session. */
[[nodiscard]] enum status block_core_update(struct block_core *core, const struct block_info *info);

/* The session is lost. What was in flight waits for the next one. */
void block_core_detach(struct block_core *core);

/* There will be no session any more. */
void block_core_give_up(struct block_core *core);

/* The number of a region; ERR_OVERFLOW. The caller sets `wire` in core->regions whenever it has registered it. */
[[nodiscard]] enum status block_core_region_add(struct block_core *core,
                                                const struct block_core_region *region, uint32_t *number);
/* A request or retained write names it. */
bool block_core_region_busy(const struct block_core *core, uint32_t number);
/* ERR_BUSY, ERR_NOT_FOUND. */
[[nodiscard]] enum status block_core_region_remove(struct block_core *core, uint32_t number);
/* The region that is the bounce buffer. */
void block_core_bounce(struct block_core *core, uint32_t region);

void block_core_submit(struct block_core *core, struct block_request *request);
void block_core_cancel(struct block_core *core, struct block_request *request);
void block_core_acknowledge(struct block_core *core);

/* Takes all completions, and calls `done`. Then block_core_publish. */
void block_core_poll(struct block_core *core);

/* Calls `done` of what has failed without being issued: the list `finished`. */
void block_core_finish(struct block_core *core);

/* What was issued reaches the server. True: it must be notified. */
static inline bool block_core_publish(struct block_core *core)
{
    if (!core->connected)
        return false;

    /* Places for completions first: an element that is published may be completed at once. */
    bool notify = ring_give_back(&core->completion);

    return ring_publish(&core->submission) || notify;
}

/* True: nothing is left to do before a notification. */
static inline bool block_core_may_sleep(struct block_core *core);

/*
 * The server is to be told BLOCK_ACKNOWLEDGE of core->verifier; then block_core_acknowledged, and requests flow again. Not before
 * everything in flight has come back: a barrier write among it must still fail (G19).
 */
static inline bool block_core_acknowledge_due(const struct block_core *core)
{
    return core->acknowledge_due && core->connected && !core->draining;
}
void block_core_acknowledged(struct block_core *core);

/* The server has other limits by now, or has ended the queue: look at INFO. */
static inline bool block_core_info_stale(const struct block_core *core)
{
    return core->connected &&
           __atomic_load_n(&core->state->generation, __ATOMIC_ACQUIRE) != core->info.generation;
}

/* No request is waiting or in flight. */
bool block_core_idle(const struct block_core *core);

/* True if the invariants hold; slow, for tests. */
bool block_core_check(const struct block_core *core);

/* ---- what runs at each wake-up is inline ---- */

/* Nothing waits, and nothing is in the way: what is submitted may be issued at once. */
static inline bool core_clear(const struct block_core *core)
{
    return core->flowing && !core->waiting.first && !core->cancelling;
}

/* Asks to hear when the server has made room, if that is missing: it may complete a request before it gives its place in the
   ring back. False: there is some by now. */
bool core_room_awaited(struct block_core *core);

static inline bool block_core_may_sleep(struct block_core *core)
{
    bool may_sleep;

    if (!core->connected || core->broken)
        return true;
    if (ring_consumer_prepare_sleep(&core->completion, &may_sleep) != OK || !may_sleep)
        return false;
    return core_clear(core) || core_room_awaited(core);
}

#endif
