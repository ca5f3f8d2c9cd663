/* SPDX-License-Identifier: MIT */
/* Between the files of the client's core. */
#ifndef LIB_BLOCK_CLIENT_PRIVATE_H
#define LIB_BLOCK_CLIENT_PRIVATE_H

#include "lib/block/client_core.h"

static inline void list_append(struct block_list *list, struct block_request *request)
{
    request->next = NULL;
    request->previous = list->last;
    if (list->last)
        list->last->next = request;
    else
        list->first = request;
    list->last = request;
}

static inline void list_prepend(struct block_list *list, struct block_request *request)
{
    request->previous = NULL;
    request->next = list->first;
    if (list->first)
        list->first->previous = request;
    else
        list->last = request;
    list->first = request;
}

static inline void list_remove(struct block_list *list, struct block_request *request)
{
    if (request->previous)
        request->previous->next = request->next;
    else
        list->first = request->next;
    if (request->next)
        request->next->previous = request->previous;
    else
        list->last = request->previous;
}

/* All of `front` before all of `list`; `front` is empty then. */
void list_join(struct block_list *front, struct block_list *list);

static inline bool request_writes(const struct block_request *request)
{
    return request->operation == BLOCK_WRITE || request->operation == BLOCK_WRITE_ZEROES;
}

static inline bool request_is_flush(const struct block_request *request)
{
    return request->operation == BLOCK_FLUSH || request->flushing;
}

/* ---- client_core.c ---- */

/* As if it had never been issued, but for `issued`. */
void request_restart(struct block_request *request);
/* The request ends with `status`; it is in no list. */
void request_finish(struct block_core *core, struct block_request *request, enum status status);
void request_release_regions(struct block_core *core, const struct block_request *request);
/* From `offset` on (bytes in the request) it failed; the lowest offset counts. */
void request_fail_at(struct block_request *request, uint64_t offset, enum status status);
void core_requeue_issued(struct block_core *core);
void core_flow(struct block_core *core);

/* ---- client_issue.c: splitting, tags, bouncing ---- */

/* Issues what there are tags for. */
void core_pump(struct block_core *core);
/* Parts for all of it. False: not all, no tag or slot or place is left. */
bool request_issue(struct block_core *core, struct block_request *request);
/* False: it is not of the simple kind, or there is no room. */
bool request_issue_simple(struct block_core *core, struct block_request *request);
/* One part more, of `limit` bytes at most. ERR_AGAIN: no tag or slot or place is left. Other errors are the request's. */
enum status request_proceed(struct block_core *core, struct block_request *request, uint64_t limit);
/* The next `bytes` need no part. */
void request_advance(struct block_request *request, uint64_t bytes);
void part_free(struct block_core *core, uint32_t tag);
void core_reset_tags(struct block_core *core);
/* Data of a READ that was bounced. */
void part_copy_back(struct block_core *core, const struct block_part *part);

/* ---- client_loss.c: verifier, retention, replay ---- */

/* The server has another verifier. */
void core_verifier_changed(struct block_core *core, uint64_t verifier);
/* A write is done with OK. True: it is retained. */
bool core_write_done(struct block_core *core, struct block_request *request);
/* All that was completed before `sequence` is durable. */
void core_covered(struct block_core *core, uint64_t sequence);
void core_replay_pump(struct block_core *core);
void core_replayed(struct block_core *core, struct block_request *request);
/* All of the replay from its beginning. */
void core_replay_restart(struct block_core *core);
void core_release_all(struct block_core *core);

#endif
