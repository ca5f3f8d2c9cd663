/* SPDX-License-Identifier: MIT */
/*
 * Losses: which completed writes a FLUSH has not covered, and what to do when the verifier changes (G18-G21).
 *
 * Without retain, two numbers suffice: writes are counted as they complete, and those before `durable` were covered. With it,
 * the writes themselves are kept in the order of completion. After a loss they are written again in that order: one that
 * overlaps a write under way waits for it, others go side by side.
 *
 * Why FUA is a write and a FLUSH here, with retain: an older write below it would otherwise be written again over it, and a
 * power cut in between would take what was durable.
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

static void request_released(struct block_core *core, struct block_request *request)
{
    request_release_regions(core, request);
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
        request_released(core, request);
    }
}

static void release_list(struct block_core *core, struct block_list *list)
{
    for (struct block_request *request; (request = list->first);) {
        list_remove(list, request);
        request_released(core, request);
    }
}

void core_release_all(struct block_core *core)
{
    release_list(core, &core->retained);
    release_list(core, &core->replaying);
    release_list(core, &core->replay);
}

/* ---- a loss ---- */

static void lose(struct block_core *core)
{
    core->lost = true;
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

/* Everything that was written and not covered is to be written again, and what is in flight to be submitted again after that: it
   comes back first, so that it cannot be carried out later than what is newer. */
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
    core->epoch++;
    core->changed = true;
    if (core->settings.retain)
        replay_begin(core);
    if (core->settings.for_others || (!core->settings.retain && core->completed > core->durable))
        lose(core);
    /* The caller acknowledges a loss. What is none, or will be mended, needs nobody. */
    core->acknowledge_due = !core->lost;
}

void block_core_acknowledge(struct block_core *core)
{
    if (!core->lost)
        return;
    core->lost = false;
    core->acknowledge_due = true;
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
    request_released(core, request);
}

void core_replay_pump(struct block_core *core)
{
    for (struct block_request *request; (request = core->replay.first);) {
        if (request->parts == 0 && overlaps_any(&core->replaying, request))
            return;
        if (!request_issue(core, request))
            return;
        list_remove(&core->replay, request);
        if (request->parts == 0) {
            replay_failed(core, request);
            continue;
        }
        request->state = BLOCK_REQUEST_REPLAYING;
        list_append(&core->replaying, request);
    }
}

void core_replayed(struct block_core *core, struct block_request *request)
{
    list_remove(&core->replaying, request);
    if (request->status != OK) {
        replay_failed(core, request);
        return;
    }
    core->statistic_replayed++;
    request->sequence = core->completed++;
    request->state = BLOCK_REQUEST_RETAINED;
    list_append(&core->retained, request);
}
