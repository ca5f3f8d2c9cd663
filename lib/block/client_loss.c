/* SPDX-License-Identifier: MIT */
/*
 * Losses: which completed writes a FLUSH has not covered, and what to do when the verifier changes (G18-G21).
 *
 * Without retain, two numbers suffice: writes are counted as they complete, and those before `durable` were covered. With it,
 * the writes themselves are kept in the order of completion.
 *
 * After a loss they are written again, of each block only what was written last: what is older must not come back over it, not
 * even for a moment, since what is newer may have become durable, and a barrier write that says so may be on the disk. For
 * the same reason FUA is a write and a FLUSH here, with retain: the older writes below it are released with it. To keep the
 * order of the list, one that overlaps a write under way waits for it; others go side by side.
 */
#include "lib/block/client_private.h"

bool core_write_done(struct block_core *core, struct block_request *request)
{
    if ((request->flags & BLOCK_FUA) && !core->settings.retain)
        return false;
    request->sequence = core->completed++;
    if (!core->settings.retain)
        return false;
    request->state = BLOCK_REQUEST_RETAINED;
    list_append(&core->retained, request);
    return true;
}

static void request_released(struct block_request *request)
{
    request->state = BLOCK_REQUEST_FREE;
    if (request->released_opt)
        request->released_opt(request);
}

void core_covered(struct block_core *core, uint64_t sequence)
{
    if (sequence > core->durable)
        core->durable = sequence;
    for (struct block_request *request; (request = core->retained.first) && request->sequence < sequence;) {
        list_remove(&core->retained, request);
        request_released(request);
    }
}

static void release_list(struct block_list *list)
{
    for (struct block_request *request; (request = list->first);) {
        list_remove(list, request);
        request_released(request);
    }
}

void core_release_all(struct block_core *core)
{
    release_list(&core->retained);
    release_list(&core->replaying);
    release_list(&core->replay);
}

/* ---- a loss ---- */

static void lose(struct block_core *core)
{
    core->lost = true;
    core->losses++;
    core->lost_sequence = core->completed;
}

/* All of the replay from its beginning. What was written again already goes before what was not yet; the order of those in
   between is open (C5). */
void core_replay_restart(struct block_core *core)
{
    list_join(&core->replaying, &core->replay);
    for (struct block_request *request = core->replay.first; request; request = request->next) {
        request_restart(request);
        request->state = BLOCK_REQUEST_REPLAY;
    }
}

/* Everything that was written and not covered is to be written again, and what is in flight is to be submitted again after that. It
   comes back first, so that nothing of it is carried out later than what is newer. */
static void replay_begin(struct block_core *core)
{
    core_replay_restart(core);
    list_join(&core->retained, &core->replay);
    core_replay_restart(core);
    core->flowing = false;
    core->draining = core->in_flight != 0;
    if (!core->draining)
        core_requeue_issued(core);
}

void core_verifier_changed(struct block_core *core, uint64_t verifier)
{
    core->verifier = verifier;
    core->changed = true;
    replay_begin(core);
    if (core->settings.for_others || (!core->settings.retain && core->completed > core->durable))
        lose(core);
    /* The caller acknowledges a loss. What is none, or will be mended, needs nobody. */
    core->acknowledge_due = !core->lost;
}

/* A FLUSH that is under way was to cover what is lost: it must not succeed because the caller has heard of the loss by another. */
static void mark_early(const struct block_list *list)
{
    for (struct block_request *request = list->first; request; request = request->next)
        request->too_early = true;
}

void block_core_acknowledge(struct block_core *core)
{
    if (!core->lost)
        return;
    mark_early(&core->waiting);
    mark_early(&core->issued);
    core->lost = false;
    core->acknowledge_due = true;
    core->flowing = false;
    if (core->lost_sequence > core->durable)
        core->durable = core->lost_sequence;
}

/* ---- replay ---- */

static bool overlap(const struct block_request *a, const struct block_request *b)
{
    return a->offset < b->offset + b->length && b->offset < a->offset + a->length;
}

static bool overlaps_any(const struct block_list *list, const struct block_request *request)
{
    for (const struct block_request *other = list->first; other; other = other->next)
        if (overlap(other, request))
            return true;
    return false;
}

/* A write that cannot be written again is lost. */
static void replay_failed(struct block_core *core, struct block_request *request)
{
    lose(core);
    core->changed = true;
    request_released(request);
}

static void replay_done(struct block_core *core, struct block_request *request)
{
    core->statistic_replayed++;
    request->sequence = core->completed++;
    request->state = BLOCK_REQUEST_RETAINED;
    list_append(&core->retained, request);
}

/* From where the request has come to: how much of it later writes cover, or else (0) how much, at most *run, they do not. */
static uint64_t covered_bytes(const struct block_request *request, uint64_t *run)
{
    uint64_t at = request->offset + request->progress, end = request->offset + request->length;

    for (const struct block_request *later = request->next; later; later = later->next) {
        uint64_t later_end = later->offset + later->length;

        if (later->offset <= at && later_end > at)
            return (later_end < end ? later_end : end) - at;
        if (later->offset > at && later->offset < end)
            end = later->offset;
    }
    *run = end - at;
    return 0;
}

/* False: it has to wait. */
static bool replay_issue(struct block_core *core, struct block_request *request)
{
    uint64_t run = 0, skip;

    if (request->parts == 0 && overlaps_any(&core->replaying, request))
        return false;
    while (request->progress < request->length && request->status == OK) {
        skip = covered_bytes(request, &run);
        if (skip)
            request_advance(request, skip);
        else if (request_proceed(core, request, run) == ERR_AGAIN)
            return false;
    }
    return true;
}

void core_replay_pump(struct block_core *core)
{
    for (struct block_request *request; (request = core->replay.first);) {
        if (!replay_issue(core, request))
            return;
        list_remove(&core->replay, request);
        if (request->parts != 0) {
            request->state = BLOCK_REQUEST_REPLAYING;
            list_append(&core->replaying, request);
        } else if (request->status != OK) {
            replay_failed(core, request);
        } else {
            replay_done(core, request); /* nothing of it is seen any more */
        }
    }
}

void core_replayed(struct block_core *core, struct block_request *request)
{
    list_remove(&core->replaying, request);
    if (request->status == OK)
        replay_done(core, request);
    else
        replay_failed(core, request);
}
