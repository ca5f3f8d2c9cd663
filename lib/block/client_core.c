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
    if (list->first) {
        front->last->next = list->first;
        list->first->previous = front->last;
    } else {
        list->last = front->last;
    }
    list->first = front->first;
    *front = (struct block_list){0};
}

/* ---- start and layout ---- */

void block_core_init(struct block_core *core, const struct block_core_settings *settings,
                     struct block_part *parts)
{
    *core = (struct block_core){.settings = *settings, .parts = parts, .bounce_region = BLOCK_NONE};
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

void request_restart(struct block_request *request)
{
    request->progress = 0;
    request->piece = 0;
    request->piece_offset = 0;
    request->parts = 0;
    request->status = OK;
    request->bytes_done = request->length;
    request->flushing = request->cancelled = false;
}

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
        core->regions[i].users = 0;
        *number = i;
        return OK;
    }
    return ERR_OVERFLOW;
}

enum status block_core_region_remove(struct block_core *core, uint32_t number)
{
    if (number >= BLOCK_REGIONS_MAX || !core->regions[number].used)
        return ERR_NOT_FOUND;
    if (core->regions[number].users)
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

static void take_regions(struct block_core *core, const struct block_request *request)
{
    for (unsigned i = 0; i < request->piece_count; i++)
        core->regions[request->pieces[i].region].users++;
}

void request_release_regions(struct block_core *core, const struct block_request *request)
{
    for (unsigned i = 0; i < request->piece_count; i++)
        core->regions[request->pieces[i].region].users--;
}

/* ---- submission ---- */

static enum status range_check(const struct block_core *core, const struct block_request *request)
{
    if (request->length == 0 || ((request->offset | request->length) & (core->info.block_size - 1)))
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

void block_core_submit(struct block_core *core, struct block_request *request)
{
    enum status status = core->gone ? ERR_PEER_GONE : request_check(core, request);

    request->issued = request->again = request->too_early = false;
    request_restart(request);
    if (status != OK) {
        request->status = status;
        request->bytes_done = 0;
        request->state = BLOCK_REQUEST_FINISHED;
        list_append(&core->finished, request);
        return;
    }
    take_regions(core, request);
    if (core->flowing && !core->waiting.first && !core->cancelling && request_issue_simple(core, request)) {
        request->state = BLOCK_REQUEST_ISSUED;
        list_append(&core->issued, request);
        return;
    }
    request->state = BLOCK_REQUEST_WAITING;
    list_append(&core->waiting, request);
    if (core->flowing && core->waiting.first == request)
        core_pump(core);
}

/* ---- ends ---- */

void request_finish(struct block_core *core, struct block_request *request, enum status status)
{
    request_release_regions(core, request);
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

/* All parts of an issued request have come back. */
static void request_complete(struct block_core *core, struct block_request *request)
{
    list_remove(&core->issued, request);
    if (wants_flush(core, request)) {
        request_again(core, request);
        request->flushing = true;
        return;
    }
    settle_coverage(core, request);

    bool retained = request->status == OK && request_writes(request) && !request->flushing &&
                    core_write_done(core, request);

    if (!retained) {
        request_release_regions(core, request);
        request->state = BLOCK_REQUEST_FREE;
    }
    request->done(request);
}

/* ---- completions ---- */

/* What a part says about its request. The rest of one that failed is not issued any more. */
static void part_result(struct block_core *core, struct block_request *request, const struct block_part *part,
                        const struct block_completion *completion)
{
    uint32_t status = completion->status;

    if (status == OK) {
        if (part->bounce != BLOCK_NONE && request->operation == BLOCK_READ)
            part_copy_back(core, part);
        return;
    }
    if (status == ERR_ABORTED && request->again)
        status = ERR_PEER_GONE;
    request_fail_at(request, part->offset + (completion->done < part->length ? completion->done : 0),
                    status < STATUS_COUNT ? (enum status)status : ERR_IO);
    if (request->state == BLOCK_REQUEST_WAITING) {
        list_remove(&core->waiting, request);
        request->state = BLOCK_REQUEST_ISSUED;
        list_append(&core->issued, request);
    }
}

/* With the tag free again, so that `done` can use it. */
static void part_complete(struct block_core *core, struct block_request *request)
{
    if (--request->parts != 0)
        return;
    if (request->state == BLOCK_REQUEST_ISSUED)
        request_complete(core, request);
    else if (request->state == BLOCK_REQUEST_REPLAYING)
        core_replayed(core, request);
}

static void complete(struct block_core *core, const struct block_completion *completion)
{
    uint32_t tag = completion->tag;

    if (tag >= core->settings.depth || !core->parts[tag].used) {
        core->broken = true;
        return;
    }
    if (completion->verifier != core->verifier)
        core_verifier_changed(core, completion->verifier);

    struct block_request *request = core->parts[tag].request_opt;

    if (request && !core->draining)
        part_result(core, request, &core->parts[tag], completion);
    part_free(core, tag);
    if (core->draining) {
        core->draining = core->in_flight != 0;
        if (!core->draining)
            core_requeue_issued(core);
        return;
    }
    if (request)
        part_complete(core, request);
}

/* The next completion, copied out of the ring, each field once. ERR_AGAIN: none. */
static inline enum status completion_take(struct block_core *core, struct block_completion *out)
{
    const struct block_completion *front = ring_front(&core->completion, sizeof(*front));

    if (!front)
        return ring_take(&core->completion, out); /* looks for new ones */
    out->done = __atomic_load_n(&front->done, __ATOMIC_RELAXED);
    out->tag = __atomic_load_n(&front->tag, __ATOMIC_RELAXED);
    out->status = __atomic_load_n(&front->status, __ATOMIC_RELAXED);
    out->verifier = __atomic_load_n(&front->verifier, __ATOMIC_RELAXED);
    ring_taken(&core->completion);
    return OK;
}

void block_core_poll(struct block_core *core)
{
    struct block_completion completion;
    enum status status;

    if (!core->connected)
        return;
    while ((status = completion_take(core, &completion)) == OK && !core->broken)
        complete(core, &completion);
    if (status != OK && status != ERR_AGAIN)
        core->broken = true;
    if (!core->broken)
        core_flow(core);
}

bool block_core_publish(struct block_core *core)
{
    if (!core->connected)
        return false;

    /* Places for completions first: an element that is published may be completed at once. */
    bool notify = ring_give_back(&core->completion);

    return ring_publish(&core->submission) || notify;
}

/* Also asks to hear when the server has made room, where that is missing: it may complete a request before it gives its place in
   the ring back. */
bool block_core_may_sleep(struct block_core *core)
{
    bool may_sleep = true;
    uint32_t space;

    if (!core->connected || core->broken)
        return true;
    if (ring_consumer_prepare_sleep(&core->completion, &may_sleep) != OK || !may_sleep)
        return false;
    if ((!core->waiting.first && !core->replay.first && !core->cancelling) || core->free_tag == BLOCK_NONE)
        return true;
    if (ring_space(&core->submission, &space) != OK || space != 0)
        return true;
    if (ring_producer_prepare_sleep(&core->submission, 1, &may_sleep) != OK)
        return false;
    return may_sleep;
}

bool block_core_acknowledge_due(const struct block_core *core)
{
    return core->acknowledge_due && core->connected && !core->draining;
}

void block_core_acknowledged(struct block_core *core)
{
    core->acknowledge_due = false;
    core_flow(core);
}

bool block_core_info_stale(const struct block_core *core)
{
    return core->connected &&
           __atomic_load_n(&core->state->generation, __ATOMIC_ACQUIRE) != core->info.generation;
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
