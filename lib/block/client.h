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
 * the client's bounce buffer (options.bounce bytes; 0: such requests fail with ERR_INVALID).
 *
 * Death. When the server dies, the library opens a new session, registers the regions anew, and submits again what was in flight.
 * Completed writes that no FLUSH has covered may then be lost, if the verifier has changed. With options.retain, the caller
 * promises that the data of a write stay as they are until a later FLUSH is done, and the library writes them again before
 * anything else; without, every FLUSH fails with ERR_LOST until block_client_acknowledge().
 */
#ifndef LIB_BLOCK_CLIENT_H
#define LIB_BLOCK_CLIENT_H

#include "contract/block/wire.h"
#include "lib/base/entrypoint.h"
#include "lib/base/session.h"
#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_client;

struct block_client_piece {
    uint32_t region; /* of block_client_region_add */
    uint32_t length; /* bytes */
    uint64_t offset; /* bytes in the region */
};

struct block_request {
    enum block_operation operation;          /* not CANCEL */
    unsigned flags;                          /* enum block_element_flag */
    uint64_t offset, length;                 /* bytes */
    const struct block_client_piece *pieces; /* lent until done */
    unsigned piece_count;
    void (*done)(struct block_request *request); /* may submit */

    /* when done: */
    enum status status;
    uint64_t bytes_done;

    /* private */
    struct block_client *client;
    struct block_request *next, *previous;
    uint64_t sequence, progress;
    uint32_t parts, state;
};

struct block_client_options {
    const char *label_opt, *args_opt;
    uint64_t ram; /* lent to the server; 0: a default */
    uint32_t caps;
    struct entrypoint *entrypoint; /* `done` is called on its thread */
    uint32_t depth;                /* 0: what the server recommends, at most 128 */
    uint32_t bounce;               /* bytes of the bounce buffer */
    bool retain;
    bool
        restart; /* false: after the server's death everything fails with ERR_PEER_GONE, and nothing is opened anew */
    void (*changed_opt)(
        struct block_client *client); /* size, limits, state or verifier changed; see block_client_info */
};

/* Opening waits for the session. ERR_DENIED, ERR_NOT_FOUND: not routed. `client` must stay where it is; it is private but for
   `context`, which is the caller's. */
[[nodiscard]] enum status block_client_open(struct block_client *client,
                                            const struct block_client_options *options);
/* ERR_BUSY: requests are in flight. */
[[nodiscard]] enum status block_client_close(struct block_client *client);

const struct block_info *block_client_info(const struct block_client *client);

/* `dataspace` is lent until it is removed. `write`: READs may go there. ERR_OVERFLOW: BLOCK_REGIONS_MAX. */
[[nodiscard]] enum status block_client_region_add(struct block_client *client, uint32_t dataspace,
                                                  uint64_t offset, uint64_t size, bool write,
                                                  uint32_t *region);
/* ERR_BUSY: a request uses it, or a retained write does. */
[[nodiscard]] enum status block_client_region_remove(struct block_client *client, uint32_t region);

void block_client_submit(struct block_client *client, struct block_request *request);
void block_client_kick(struct block_client *client);

/* Asks that the request be given up. It is done in any case, with ERR_ABORTED if it had not been issued. */
void block_client_cancel(struct block_client *client, struct block_request *request);

/* The caller knows that completed writes may be lost; FLUSH may succeed again. */
void block_client_acknowledge(struct block_client *client);

/* For programs without an entry point at work, and at start-up: submits, and waits until it is done. */
[[nodiscard]] enum status block_client_do(struct block_client *client, struct block_request *request);

#endif
