/* SPDX-License-Identifier: MIT */
/*
 * BLOCK as a client uses it: requests that complete in any order, across the server's death.
 *
 *     static void done(struct block_request *request) { ... request->status ... }
 *
 *     block_client_open(&client, &options);
 *     block_client_region_add(&client, dataspace, 0, size, true, &region);
 *     request = (struct block_request){.operation = BLOCK_READ, .offset = 0, .length = 4096, .pieces = &piece,
 *                                      .piece_count = 1, .done = done};
 *     block_client_submit(&client, &request);
 *     block_client_kick(&client);                    a series of submissions is published once
 *
 * A request belongs to the library from submit to `done`. There is no limit of their number: what does not fit into the queue
 * waits in a list, without polling. What is longer than the limits is split, what is not aligned is bounced through
 * the client's bounce buffer (options.bounce bytes; 0: such requests fail with ERR_INVALID). `done` is called from the entry
 * point's loop, never from inside submit, kick or cancel; what it submits is published by itself.
 *
 * Death (doc/storage-guarantees.md, G16-G21). When the server dies, the library opens a new session, registers the regions anew,
 * and submits again what was in flight; nobody waits for that but the requests. Completed writes that no FLUSH has covered may then
 * be lost, if the verifier has changed. With options.retain the library writes them again before anything else: the caller lends
 * request, pieces and data of a write not only until `done` but until `released`, which is before the next FLUSH is done. Without,
 * every FLUSH and write with BARRIER fails with ERR_LOST until block_client_acknowledge().
 *
 * What registering memory exposes: G26. With options.bounce_always nothing is registered but the bounce buffer.
 */
#ifndef LIB_BLOCK_CLIENT_H
#define LIB_BLOCK_CLIENT_H

#include "lib/base/entrypoint.h"
#include "lib/base/memory.h"
#include "lib/base/session_watch.h"
#include "lib/base/status.h"
#include "lib/block/client_core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_CLIENT_DEPTH_DEFAULT 128u
#define BLOCK_CLIENT_SEGMENTS      32u /* of an element */

struct block_client;

struct block_client_options {
    const char *label_opt, *args_opt; /* lent until the client is closed */
    uint64_t ram; /* lent to the server for regions, see block_attach_ram(); 0: enough for 64 MiB in all */
    struct entrypoint *entrypoint; /* `done` is called on its thread, and all functions are for that thread */
    uint32_t depth;                /* a power of two; 0: what the server recommends, at most 128 */
    uint32_t bounce;               /* bytes of the bounce buffer; 0: none */
    bool bounce_always;            /* register nothing else */
    bool retain;
    bool for_others; /* FLUSH answers for writes of other sessions of the view too (G19) */
    bool
        restart; /* false: after the server's death everything fails with ERR_PEER_GONE, and nothing is opened anew */
    /* Size, limits, state or verifier changed: see block_client_info, block_client_lost. May submit. */
    void (*changed_opt)(struct block_client *client);
};

struct block_client {
    void *context; /* the caller's */

    /* to be read */
    uint64_t notifications_sent, notifications_received;
    struct block_core core;

    /* private */
    struct block_client_options options;
    struct session_watch watch;
    struct signal signal;
    struct deferred deferred;
    struct memory queue, bounce;
    struct block_part *parts;
    uint32_t session, server; /* capabilities; CAP_NONE: not connected */
    uint32_t dataspaces[BLOCK_REGIONS_MAX];
    uint64_t offsets[BLOCK_REGIONS_MAX];
    enum status failed; /* why the first opening did not succeed */
    bool settling;      /* block_client_do() is submitting, and settles by itself */
};

/* Opening waits for the session. ERR_DENIED, ERR_NOT_FOUND: not routed. `client` must stay where it is. */
[[nodiscard]] enum status block_client_open(struct block_client *client,
                                            const struct block_client_options *options);
/* ERR_BUSY: requests are in flight. Retained writes are released. */
[[nodiscard]] enum status block_client_close(struct block_client *client);

/* As told last. Flag BLOCK_GONE: the server is gone for good, and everything fails. */
const struct block_info *block_client_info(const struct block_client *client);
/* A session is there. */
bool block_client_connected(const struct block_client *client);
/* Completed writes may be lost: acknowledge. Another loss may come before that; `losses` counts them. */
bool block_client_lost(const struct block_client *client);
uint64_t block_client_losses(const struct block_client *client);

/* `dataspace` is lent until it is removed. `write`: READs may go there. ERR_OVERFLOW: BLOCK_REGIONS_MAX. */
[[nodiscard]] enum status block_client_region_add(struct block_client *client, uint32_t dataspace,
                                                  uint64_t offset, uint64_t size, bool write,
                                                  uint32_t *region);
/* ERR_BUSY: a request uses it, or a retained write does; or a server that died may still write there: repeat when connected. */
[[nodiscard]] enum status block_client_region_remove(struct block_client *client, uint32_t region);

void block_client_submit(struct block_client *client, struct block_request *request);
void block_client_kick(struct block_client *client);

/* Asks that the request be given up. It is done in any case: with ERR_ABORTED if the server had not begun it (G15), with
   ERR_PEER_GONE if a server died with it and it was not submitted again. */
void block_client_cancel(struct block_client *client, struct block_request *request);

/* The caller knows that completed writes may be lost; FLUSH may succeed again. */
void block_client_acknowledge(struct block_client *client);

/* For programs without an entry point at work, and at start-up: submits, and waits until it is done. The request needs no `done`.
   The value is its status. */
[[nodiscard]] enum status block_client_do(struct block_client *client, struct block_request *request);

#endif
