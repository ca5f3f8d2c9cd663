/* SPDX-License-Identifier: MIT */
/* Between the files of the client's core. */
#ifndef LIB_BLOCK_CLIENT_PRIVATE_H
#define LIB_BLOCK_CLIENT_PRIVATE_H

#include "lib/block/client_core.h"

static inline void list_init(struct block_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static inline void list_append(struct block_list *list, struct block_request *request)
{
    request->next = NULL;
    request->place = list->end;
    *list->end = request;
    list->end = &request->next;
}

static inline void list_remove(struct block_list *list, struct block_request *request)
{
    *request->place = request->next;
    if (request->next)
        request->next->place = request->place;
    else
        list->end = request->place;
}

static inline void list_prepend(struct block_list *list, struct block_request *request)
{
    request->place = &list->first;
    request->next = list->first;
    list->first = request;
    if (request->next)
        request->next->place = &request->next;
    else
        list->end = &request->next;
}

/* All of `front` before all of `list`; `front` is empty then. */
void list_join(struct block_list *front, struct block_list *list);

/* As if it had never been issued, but for `issued` and what belongs to it. */
static inline void request_restart(struct block_request *request)
{
    request->progress = 0;
    request->piece = 0;
    request->piece_offset = 0;
    request->parts = 0;
    request->status = OK;
    request->bytes_done = request->length;
    request->flushing = request->cancelled = false;
}

static inline bool request_writes(const struct block_request *request)
{
    return request->operation == BLOCK_WRITE || request->operation == BLOCK_WRITE_ZEROES;
}

static inline bool request_is_flush(const struct block_request *request)
{
    return request->operation == BLOCK_FLUSH || request->flushing;
}

/* ---- client_core.c ---- */

/* Is checked, and waits or fails: what block_core_submit() does with a request that is not simple. */
void request_submit(struct block_core *core, struct block_request *request);
/* The request ends with `status`; it is in no list. */
void request_finish(struct block_core *core, struct block_request *request, enum status status);
/* From `offset` on (bytes in the request) it failed; the lowest offset counts. */
void request_fail_at(struct block_request *request, uint64_t offset, enum status status);
void core_requeue_issued(struct block_core *core);
void core_flow(struct block_core *core);

/* ---- client_issue.c: splitting, tags, bouncing ---- */

/* Issues what there are tags for. */
void core_pump(struct block_core *core);
/* Parts for all of it. False: not all, no tag or slot or place is left. */
bool request_issue(struct block_core *core, struct block_request *request);
/* One part more, of `limit` bytes at most. ERR_AGAIN: no tag or slot or place is left. Other errors are the request's. */
enum status request_proceed(struct block_core *core, struct block_request *request, uint64_t limit);
/* The next `bytes` need no part. */
void request_advance(struct block_request *request, uint64_t bytes);
/* Its slot is given back; data of a READ are copied first. */
void part_unbounce(struct block_core *core, struct block_part *part, bool copy);
void core_reset_tags(struct block_core *core);

static inline void part_free(struct block_core *core, struct block_part *part, uint32_t tag)
{
    part->request_opt = NULL;
    part->used = false;
    part->next_free = core->free_tag;
    core->free_tag = tag;
    core->in_flight--;
}

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
