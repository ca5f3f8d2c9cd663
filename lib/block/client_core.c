/* SPDX-License-Identifier: MIT */
/* Requests from submission to `done`; see client_core.h. */
#include "lib/block/client_core.h"

#include "lib/block/client_private.h"
#include "lib/range/range.h"
#include "lib/string/string.h"

void list_join(struct block_list *front, struct block_list *list)
{
    if (!front->first)
        return;
    *front->end = list->first;
    if (list->first)
        list->first->place = front->end;
    else
        list->end = front->end;
    list->first = front->first;
    list->first->place = &list->first;
    list_init(front);
}

/* ---- start and layout ---- */

void block_core_init(struct block_core *core, const struct block_core_settings *settings,
                     struct block_part *parts)
{
    *core = (struct block_core){.settings = *settings, .parts = parts, .bounce_region = BLOCK_NONE};
    list_init(&core->waiting);
    list_init(&core->issued);
    list_init(&core->finished);
    list_init(&core->retained);
    list_init(&core->replay);
    list_init(&core->replaying);
    core_reset_tags(core);
}

static uint32_t line_up(uint64_t size)
{
    return (uint32_t)((size + RING_LINE - 1) & ~(uint64_t)(RING_LINE - 1));
}

void block_core_layout(const struct block_core_settings *settings, struct block_connect *layout)
{
    uint32_t depth = settings->depth, segments = depth * settings->segments;
    uint64_t submission = sizeof(struct ring_shared) + (uint64_t)depth * sizeof(struct block_element);
    uint64_t completion = sizeof(struct ring_shared) + (uint64_t)depth * sizeof(struct block_completion);

    *layout = (struct block_connect){.depth = depth, .segments = segments};
    layout->submission_offset = sizeof(struct block_state);
    layout->completion_offset = line_up(layout->submission_offset + submission);
    layout->segment_offset = line_up(layout->completion_offset + completion);
    layout->size = line_up(layout->segment_offset + (uint64_t)segments * sizeof(struct block_segment));
}

static bool power_of_two(uint64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

enum status block_info_check(const struct block_info *info)
{
    uint32_t block = info->block_size;

    if (!power_of_two(block) || block < 512 || block > 4096 || !power_of_two(info->alignment) ||
        (info->boundary != 0 && !power_of_two(info->boundary)) || info->segments_max == 0 ||
        info->transfer_max < block || info->size % block != 0 || info->discard_max % block != 0 ||
        info->write_zeroes_max % block != 0)
        return ERR_INVALID;
    return OK;
}

enum status block_core_update(struct block_core *core, const struct block_info *info)
{
    enum status status = block_info_check(info);

    if (status != OK)
        return status;
    if (core->known && info->block_size != core->info.block_size)
        return ERR_INVALID;
    core->info = *info;
    core->transfer_max = info->transfer_max & ~(info->block_size - 1);
    core->block_mask = info->block_size - 1;
    core->alignment_mask = info->alignment - 1;
    core->boundary_mask = info->boundary ? info->boundary - 1 : 0;
    core->segments_max =
        info->segments_max < core->settings.segments ? info->segments_max : core->settings.segments;
    core->changed = true;
    if (core->known && core->verifier != info->verifier)
        core_verifier_changed(core, info->verifier);
    core->verifier = info->verifier;
    core->known = true;
    core_flow(core);
    return OK;
}

enum status block_core_attach(struct block_core *core, const struct block_info *info, void *memory,
                              size_t size)
{
    struct block_connect layout;
    uint8_t *bytes = memory;
    enum status status;

    block_core_layout(&core->settings, &layout);
    if (layout.size > size)
        return ERR_RANGE;
    status = ring_producer_open(bytes + layout.submission_offset,
                                layout.completion_offset - layout.submission_offset, layout.depth,
                                sizeof(struct block_element), &core->submission);
    if (status != OK)
        return status;
    status =
        ring_consumer_open(bytes + layout.completion_offset, layout.segment_offset - layout.completion_offset,
                           layout.depth, sizeof(struct block_completion), &core->completion);
    if (status != OK)
        return status;
    core->state = memory;
    core->table = (struct block_segment *)(bytes + layout.segment_offset);
    status = block_info_check(info);
    core->connected = status == OK;
    if (status == OK)
        status = block_core_update(core, info);
    if (status == OK && core->acknowledge_due)
        block_core_acknowledged(core); /* the session began with this verifier */
    return status;
}

/* ---- the session is lost ---- */

/* What was issued waits again, before everything else. */
void core_requeue_issued(struct block_core *core)
{
    for (struct block_request *request = core->issued.first; request; request = request->next) {
        request->state = BLOCK_REQUEST_WAITING;
        core->statistic_resubmitted++;
    }
    list_join(&core->issued, &core->waiting);
    for (struct block_request *request = core->waiting.first; request; request = request->next) {
        request_restart(request);
        request->again |= request->issued;
    }
}

static void finish_cancelled(struct block_core *core)
{
    for (struct block_request *request = core->issued.first, *next; request; request = next) {
        next = request->next;
        if (!request->cancelled)
            continue;
        list_remove(&core->issued, request);
        request_finish(core, request, ERR_PEER_GONE);
    }
}

void block_core_detach(struct block_core *core)
{
    if (!core->parts) /* block_core_init waits for a server's limits, and none has got so far */
        return;
    core->connected = core->flowing = core->draining = core->cancelling = false;
    core_reset_tags(core);
    finish_cancelled(core);
    core_requeue_issued(core);
    core_replay_restart(core);
    core->changed = true;
}

void block_core_give_up(struct block_core *core)
{
    if (core->connected)
        block_core_detach(core);
    core->gone = core->changed = true;
    for (struct block_request *request; (request = core->waiting.first);) {
        list_remove(&core->waiting, request);
        request_finish(core, request, ERR_PEER_GONE);
    }
    core_release_all(core);
}

/* Opens the tap, if nothing holds it. */
void core_flow(struct block_core *core)
{
    if (!core->connected || core->draining || core->acknowledge_due)
        return;
    core_replay_pump(core);
    if (core->replay.first || core->replaying.first)
        return;
    core->flowing = true;
    core_pump(core);
}

/* ---- regions ---- */

enum status block_core_region_add(struct block_core *core, const struct block_core_region *region,
                                  uint32_t *number)
{
    for (uint32_t i = 0; i < BLOCK_REGIONS_MAX; i++) {
        if (core->regions[i].used)
            continue;
        core->regions[i] = *region;
        core->regions[i].used = true;
        *number = i;
        return OK;
    }
    return ERR_OVERFLOW;
}

static bool list_names(const struct block_list *list, uint32_t region)
{
    for (const struct block_request *request = list->first; request; request = request->next)
        for (unsigned i = 0; i < request->piece_count; i++)
            if (request->pieces[i].region == region)
                return true;
    return false;
}

bool block_core_region_busy(const struct block_core *core, uint32_t number)
{
    return list_names(&core->waiting, number) || list_names(&core->issued, number) ||
           list_names(&core->retained, number) || list_names(&core->replay, number) ||
           list_names(&core->replaying, number);
}

enum status block_core_region_remove(struct block_core *core, uint32_t number)
{
    if (number >= BLOCK_REGIONS_MAX || !core->regions[number].used)
        return ERR_NOT_FOUND;
    if (block_core_region_busy(core, number))
        return ERR_BUSY;
    core->regions[number] = (struct block_core_region){0};
    return OK;
}

/* True if all pieces lie in regions that fit the operation, and add up. */
static bool pieces_ok(const struct block_core *core, const struct block_request *request)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < request->piece_count; i++) {
        const struct block_client_piece *piece = &request->pieces[i];

        if (piece->region >= BLOCK_REGIONS_MAX || piece->length == 0)
            return false;

        const struct block_core_region *region = &core->regions[piece->region];

        if (!region->used || !range_ok(piece->offset, piece->length, region->size) ||
            (request->operation == BLOCK_READ && !region->write))
            return false;
        sum += piece->length;
    }
    return sum == request->length;
}

/* ---- submission ---- */

static enum status range_check(const struct block_core *core, const struct block_request *request)
{
    if (request->length == 0 || ((request->offset | request->length) & core->block_mask))
        return ERR_INVALID;
    return range_ok(request->offset, request->length, core->info.size) ? OK : ERR_RANGE;
}

static enum status request_check(const struct block_core *core, const struct block_request *request)
{
    unsigned flags = 0;

    switch (request->operation) {
    case BLOCK_WRITE: flags = BLOCK_ELEMENT_FLAGS; [[fallthrough]];
    case BLOCK_READ:
        if ((request->flags & ~flags) || !pieces_ok(core, request))
            return ERR_INVALID;
        return range_check(core, request);
    case BLOCK_WRITE_ZEROES: flags = BLOCK_ELEMENT_FLAGS; [[fallthrough]];
    case BLOCK_DISCARD:
        if ((request->flags & ~flags) || request->piece_count)
            return ERR_INVALID;
        return range_check(core, request);
    case BLOCK_FLUSH:
        return request->flags || request->piece_count || request->offset || request->length ? ERR_INVALID
                                                                                            : OK;
    default: return ERR_INVALID;
    }
}

void request_submit(struct block_core *core, struct block_request *request)
{
    enum status status = core->gone ? ERR_PEER_GONE : request_check(core, request);

    request->issued = request->again = request->too_early = false;
    request_restart(request);
    if (status != OK) {
        request_finish(core, request, status);
    } else {
        request->state = BLOCK_REQUEST_WAITING;
        list_append(&core->waiting, request);
        if (core->flowing && core->waiting.first == request)
            core_pump(core);
    }
    if (core->finished.first && core->settings.failed_opt)
        core->settings.failed_opt(core);
}

/* ---- ends ---- */

void request_finish(struct block_core *core, struct block_request *request, enum status status)
{
    request->status = status;
    request->bytes_done = 0;
    request->state = BLOCK_REQUEST_FINISHED;
    list_append(&core->finished, request);
}

void block_core_finish(struct block_core *core)
{
    for (struct block_request *request; (request = core->finished.first);) {
        list_remove(&core->finished, request);
        request->state = BLOCK_REQUEST_FREE;
        request->done(request);
    }
}

void request_fail_at(struct block_request *request, uint64_t offset, enum status status)
{
    if (request->status != OK && offset >= request->bytes_done)
        return;
    request->status = status;
    request->bytes_done = offset;
}

static void request_again(struct block_core *core, struct block_request *request)
{
    request_restart(request);
    request->state = BLOCK_REQUEST_WAITING;
    list_prepend(&core->waiting, request);
}

/* With retain, FUA is a write and then a FLUSH. True: the FLUSH is to come. */
static bool wants_flush(const struct block_core *core, const struct block_request *request)
{
    return core->settings.retain && (request->flags & BLOCK_FUA) && !request->flushing &&
           request->status == OK;
}

/* Nothing that was issued before the last loss gets here (C6): what a FLUSH or a barrier says is true of all before it. */
static void settle_coverage(struct block_core *core, const struct block_request *request)
{
    bool barrier = (request->flags & BLOCK_BARRIER) && !request->flushing;

    if (request->status == OK && (barrier || request_is_flush(request)))
        core_covered(core, request->sequence);
}

static inline void request_end(struct block_request *request)
{
    request->state = BLOCK_REQUEST_FREE;
    request->done(request);
}

static __attribute__((noinline)) void change_complete(struct block_core *core, struct block_request *request)
{
    if (wants_flush(core, request)) {
        request_again(core, request);
        request->flushing = true;
        return;
    }
    settle_coverage(core, request);
    if (request->status == OK && request_writes(request) && !request->flushing &&
        core_write_done(core, request))
        request->done(request); /* and is retained */
    else
        request_end(request);
}

/* All parts of an issued request have come back. */
static inline void request_complete(struct block_core *core, struct block_request *request)
{
    list_remove(&core->issued, request);
    if (request->operation == BLOCK_READ)
        request_end(request);
    else
        change_complete(core, request);
}

/* ---- completions ---- */

/* What a part that failed says about its request, the rest of which is not issued any more. */
static void part_failed(struct block_core *core, struct block_request *request, const struct block_part *part,
                        uint32_t status, uint64_t done)
{
    if (status == ERR_ABORTED && request->again)
        status = ERR_PEER_GONE;
    request_fail_at(request, part->offset + (done < part->length ? done : 0),
                    status < STATUS_COUNT ? (enum status)status : ERR_IO);
    if (request->state == BLOCK_REQUEST_WAITING) {
        list_remove(&core->waiting, request);
        request->state = BLOCK_REQUEST_ISSUED;
        list_append(&core->issued, request);
    }
}

/* It failed, or was bounced. */
static __attribute__((noinline, cold)) void part_unusual(struct block_core *core, struct block_part *part,
                                                         uint32_t status, uint64_t done)
{
    struct block_request *request = part->request_opt;

    if (request && status != OK)
        part_failed(core, request, part, status, done);
    part_unbounce(core, part, request && status == OK && request->operation == BLOCK_READ);
}

/* What was in flight when the verifier changed says nothing (C6). */
static __attribute__((noinline, cold)) void part_drained(struct block_core *core, uint32_t tag,
                                                         uint64_t verifier)
{
    struct block_part *part = &core->parts[tag];

    if (verifier != core->verifier)
        core_verifier_changed(core, verifier);
    part_unbounce(core, part, false);
    part_free(core, part, tag);
    core->draining = core->in_flight != 0;
    if (!core->draining)
        core_requeue_issued(core);
}

static inline void complete(struct block_core *core, const struct block_completion *completion)
{
    uint32_t tag = completion->tag;

    if (tag >= core->settings.depth || !core->parts[tag].used) {
        core->broken = true;
        return;
    }
    if (completion->verifier != core->verifier || core->draining) {
        part_drained(core, tag, completion->verifier);
        return;
    }

    struct block_part *part = &core->parts[tag];

    if (completion->status != OK || part->bounce != BLOCK_NONE)
        part_unusual(core, part, completion->status, completion->done);

    struct block_request *request = part->request_opt;

    part_free(core, part, tag); /* so that `done` can use the tag */
    if (!request || --request->parts != 0)
        return;
    if (request->state == BLOCK_REQUEST_ISSUED)
        request_complete(core, request);
    else if (request->state == BLOCK_REQUEST_REPLAYING)
        core_replayed(core, request);
}

/* Copied out of the ring, each field once. */
static inline struct block_completion completion_take(struct ring_consumer *ring)
{
    const struct block_completion *front = ring_front(ring, sizeof(*front));
    struct block_completion completion = {.done = __atomic_load_n(&front->done, __ATOMIC_RELAXED),
                                          .tag = __atomic_load_n(&front->tag, __ATOMIC_RELAXED),
                                          .status = __atomic_load_n(&front->status, __ATOMIC_RELAXED),
                                          .verifier = __atomic_load_n(&front->verifier, __ATOMIC_RELAXED)};

    ring_taken(ring);
    return completion;
}

/* What comes while this runs is found by block_core_may_sleep(). */
void block_core_poll(struct block_core *core)
{
    uint32_t pending;

    if (!core->connected)
        return;
    if (ring_pending(&core->completion, &pending) != OK)
        core->broken = true;
    while (ring_any(&core->completion) && !core->broken) {
        struct block_completion completion = completion_take(&core->completion);

        complete(core, &completion);
    }
    if (!core->broken && !core_clear(core))
        core_flow(core);
}

bool core_room_awaited(struct block_core *core)
{
    bool may_sleep;
    uint32_t space;

    if ((!core->waiting.first && !core->replay.first && !core->cancelling) || core->free_tag == BLOCK_NONE)
        return true;
    if (ring_space(&core->submission, &space) != OK || space != 0)
        return true;
    return ring_producer_prepare_sleep(&core->submission, 1, &may_sleep) == OK && may_sleep;
}

void block_core_acknowledged(struct block_core *core)
{
    core->acknowledge_due = false;
    core_flow(core);
}

bool block_core_idle(const struct block_core *core)
{
    return !core->waiting.first && !core->issued.first && !core->finished.first && !core->replaying.first;
}

/* ---- cancelling ---- */

/* Its tags are cancelled one by one; what had no tag yet gets none. */
static void cancel_issued(struct block_core *core, struct block_request *request)
{
    if (request->state == BLOCK_REQUEST_WAITING) {
        list_remove(&core->waiting, request);
        request->state = BLOCK_REQUEST_ISSUED;
        list_append(&core->issued, request);
        request_fail_at(request, request->progress, request->again ? ERR_PEER_GONE : ERR_ABORTED);
    }
    request->cancelled = core->cancelling = true;
    core_flow(core);
}

void block_core_cancel(struct block_core *core, struct block_request *request)
{
    if ((request->state != BLOCK_REQUEST_WAITING && request->state != BLOCK_REQUEST_ISSUED) ||
        request->flushing)
        return;
    if (request->parts != 0) {
        cancel_issued(core, request);
        return;
    }
    list_remove(&core->waiting, request);
    request_finish(core, request, request->issued ? ERR_PEER_GONE : ERR_ABORTED);
}
