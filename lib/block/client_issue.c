/* SPDX-License-Identifier: MIT */
/*
 * Issuing: a request becomes parts, each of them an element with a tag and a stretch of the segment table of its own.
 *
 * A part takes as much of the request's data as the limits allow. If its first piece does not fit the server's alignment, or its
 * region is not registered, or so many tiny pieces follow that not even one block comes together, then the part goes
 * through a slot of the bounce buffer.
 */
#include "lib/block/client_private.h"
#include "lib/range/range.h"

#include "lib/string/string.h"

/* ---- tags ---- */

void core_reset_tags(struct block_core *core)
{
    for (uint32_t tag = 0; tag < core->settings.depth; tag++)
        core->parts[tag] = (struct block_part){.next_free = tag + 1, .bounce = BLOCK_NONE};
    core->parts[core->settings.depth - 1].next_free = BLOCK_NONE;
    core->free_tag = 0;
    core->in_flight = 0;
    core->bounce_free = core->bounce_slots;
}

static inline struct block_part *part_take(struct block_core *core, uint32_t *tag)
{
    struct block_part *part = &core->parts[core->free_tag];

    *tag = core->free_tag;
    core->free_tag = part->next_free;
    core->in_flight++;
    part->used = true;
    part->cancel_sent = false;
    return part;
}

/* ---- the data of a part ---- */

void block_core_bounce(struct block_core *core, uint32_t region)
{
    uint64_t size = core->regions[region].size, slot = size / BLOCK_BOUNCE_SLOTS & ~(uint64_t)4095;

    core->bounce_region = region;
    core->bounce_slots = UINT64_MAX;
    core->bounce_slot_size = slot > (1u << 30) ? 1u << 30 : (uint32_t)slot;
    if (slot == 0) { /* a small buffer has fewer slots, of a page */
        core->bounce_slot_size = 4096;
        core->bounce_slots = ((uint64_t)1 << size / 4096) - 1;
    }
    core->bounce_free = core->bounce_slots;
}

/* Where in its pieces a request has come to. */
struct cursor {
    uint32_t piece;
    uint64_t offset;
};

static void cursor_skip(const struct block_request *request, struct cursor *cursor, uint64_t bytes)
{
    while (bytes) {
        uint64_t rest = request->pieces[cursor->piece].length - cursor->offset;

        if (bytes < rest) {
            cursor->offset += bytes;
            return;
        }
        bytes -= rest;
        cursor->piece++;
        cursor->offset = 0;
    }
}

struct gathered {
    uint32_t length;
    uint32_t segments;
};

/* Takes segments back until the length is a whole number of blocks, and each one aligned. */
static void gather_trim(const struct block_core *core, struct block_segment *table, struct gathered *g)
{
    uint32_t excess = g->length & core->block_mask;

    while (excess) {
        struct block_segment *last = &table[g->segments - 1];
        uint32_t cut = excess < last->length ? excess : last->length;

        last->length -= cut;
        g->length -= cut;
        excess -= cut;
        if (last->length == 0)
            g->segments--;
        else if (last->length & core->alignment_mask)
            excess = g->length; /* what is left of it is not aligned: nothing goes directly */
    }
}

/* As many bytes as go directly, at most `limit`: their segments. */
static struct gathered gather(const struct block_core *core, const struct block_request *request,
                              uint64_t limit, struct block_segment *table)
{
    struct gathered g = {0};
    uint32_t piece = request->piece;
    uint64_t offset = request->piece_offset, end = 0; /* of the segment before */

    while (g.length < limit && g.segments < core->segments_max) {
        const struct block_client_piece *p = &request->pieces[piece];
        const struct block_core_region *region = &core->regions[p->region];
        uint64_t length = p->length - offset, rest = limit - g.length;

        if (length > rest)
            length = rest;
        if (!region->registered || ((p->offset + offset) | length) & core->alignment_mask)
            break;
        if (g.segments && ((p->offset + offset) | end) & core->boundary_mask)
            break;
        table[g.segments++] = (struct block_segment){
            .offset = p->offset + offset, .length = (uint32_t)length, .region = region->wire};
        g.length += (uint32_t)length;
        end = p->offset + offset + length;
        offset = 0;
        piece++;
    }
    if (g.length & core->block_mask)
        gather_trim(core, table, &g);
    return g;
}

static uint8_t *bounce_address(const struct block_core *core, uint32_t slot)
{
    return core->regions[core->bounce_region].address_opt + (uint64_t)slot * core->bounce_slot_size;
}

/* Between a slot and the request's pieces. */
static void bounce_copy(const struct block_core *core, const struct block_part *part, bool to_slot)
{
    const struct block_request *request = part->request_opt;
    struct cursor cursor = {part->piece, part->piece_offset};
    uint8_t *slot = bounce_address(core, part->bounce);

    for (uint64_t copied = 0; copied < part->length;) {
        const struct block_client_piece *piece = &request->pieces[cursor.piece];
        uint8_t *data = core->regions[piece->region].address_opt + piece->offset + cursor.offset;
        uint64_t length = piece->length - cursor.offset, rest = part->length - copied;

        if (length > rest)
            length = rest;
        if (to_slot)
            memcpy(slot + copied, data, length);
        else
            memcpy(data, slot + copied, length);
        copied += length;
        cursor.piece++;
        cursor.offset = 0;
    }
}

void part_unbounce(struct block_core *core, struct block_part *part, bool copy)
{
    if (part->bounce == BLOCK_NONE)
        return;
    if (copy)
        bounce_copy(core, part, false);
    core->bounce_free |= (uint64_t)1 << part->bounce;
    part->bounce = BLOCK_NONE;
}

/* All pieces of the part are where they can be copied from. */
static bool bounce_possible(const struct block_core *core, const struct block_request *request,
                            uint64_t length)
{
    struct cursor cursor = {request->piece, request->piece_offset};
    uint64_t seen = 0;

    if (core->bounce_region == BLOCK_NONE || length & core->alignment_mask)
        return false;
    for (; seen < length; cursor.piece++, cursor.offset = 0) {
        if (!core->regions[request->pieces[cursor.piece].region].address_opt)
            return false;
        seen += request->pieces[cursor.piece].length - cursor.offset;
    }
    return true;
}

/* ERR_AGAIN: no slot is free. ERR_INVALID: it cannot be bounced. */
static enum status part_bounce(struct block_core *core, const struct block_request *request, uint64_t limit,
                               struct block_part *part, struct block_segment *table)
{
    uint64_t length = limit < core->bounce_slot_size ? limit : core->bounce_slot_size;

    if (!bounce_possible(core, request, length))
        return ERR_INVALID;
    if (!core->bounce_free)
        return ERR_AGAIN;
    part->bounce = (uint32_t)__builtin_ctzll(core->bounce_free);
    core->bounce_free &= core->bounce_free - 1;
    part->length = length;
    part->piece = request->piece;
    part->piece_offset = request->piece_offset;
    if (request->operation == BLOCK_WRITE)
        bounce_copy(core, part, true);
    *table = (struct block_segment){.offset = (uint64_t)part->bounce * core->bounce_slot_size,
                                    .length = (uint32_t)length,
                                    .region = core->regions[core->bounce_region].wire};
    core->statistic_bounced++;
    return OK;
}

/* ---- parts ---- */

/* The most that an operation without data takes. A DISCARD is cut at whole granules, so that none is lost at the seam. */
static uint64_t plain_length(const struct block_core *core, const struct block_request *request,
                             uint64_t rest)
{
    const struct block_info *info = &core->info;
    uint64_t start = request->offset + request->progress;

    if (request->operation == BLOCK_WRITE_ZEROES) {
        uint64_t most = info->write_zeroes_max;

        return rest < most || most == 0 ? rest : most;
    }
    if (rest <= info->discard_max || info->discard_max == 0)
        return rest;

    uint64_t end = start + info->discard_max;

    if (info->discard_granularity > 1 && end - end % info->discard_granularity > start)
        end -= end % info->discard_granularity;
    end -= end & core->block_mask;
    return end > start ? end - start : info->discard_max;
}

/* Fills element and part; `limit` is what is left, or less. */
static enum status part_fill(struct block_core *core, struct block_request *request, uint64_t limit,
                             uint32_t tag, struct block_part *part, struct block_element *element)
{
    struct block_segment *table = &core->table[tag * core->settings.segments];

    part->offset = request->progress;
    element->offset = request->offset + request->progress;
    element->segment = tag * core->settings.segments;
    if (request->operation != BLOCK_READ && request->operation != BLOCK_WRITE) {
        element->segment = 0;
        part->length = plain_length(core, request, limit);
        element->length = part->length;
        return OK;
    }
    if (limit > core->transfer_max)
        limit = core->transfer_max;

    struct gathered g = gather(core, request, limit, table);

    if (g.length) {
        part->length = g.length;
        element->segments = g.segments;
    } else {
        enum status status = part_bounce(core, request, limit, part, table);

        if (status != OK)
            return status;
        element->segments = 1;
    }
    element->length = part->length;
    return OK;
}

/* What a barrier write covered was durable when it was done: written again, it needs no barrier. */
static unsigned element_flags(const struct block_core *core, const struct block_request *request)
{
    if (request->state == BLOCK_REQUEST_REPLAY)
        return 0;
    return core->settings.retain ? request->flags & ~(unsigned)BLOCK_FUA : request->flags;
}

/* ERR_AGAIN: no place, or a server that has broken the ring, and will be left soon. */
static enum status element_stage(struct block_core *core, const struct block_element *element)
{
    enum status status = ring_stage(&core->submission, element);

    if (status != OK && status != ERR_AGAIN)
        core->broken = true;
    return status == OK ? OK : ERR_AGAIN;
}

/* ERR_AGAIN: no tag, slot or place. ERR_INVALID: it would have to be bounced, and cannot. */
static enum status part_issue(struct block_core *core, struct block_request *request, uint64_t limit)
{
    struct block_element element = {.operation = (uint16_t)request->operation};
    struct block_part *part;
    uint32_t tag;
    enum status status = OK;

    if (core->free_tag == BLOCK_NONE)
        return ERR_AGAIN;
    part = part_take(core, &tag);
    part->request_opt = request;
    part->offset = part->length = 0;
    element.tag = tag;
    if (request_is_flush(request)) {
        element.operation = BLOCK_FLUSH;
    } else {
        element.flags = (uint16_t)element_flags(core, request);
        status = part_fill(core, request, limit, tag, part, &element);
    }
    if (status == OK)
        status = element_stage(core, &element);
    if (status != OK) {
        part_unbounce(core, part, false);
        part_free(core, part, tag);
        return status;
    }
    request->parts++;
    return OK;
}

void request_advance(struct block_request *request, uint64_t bytes)
{
    struct cursor cursor = {request->piece, request->piece_offset};

    request->progress += bytes;
    if (request->piece_count == 0)
        return;
    cursor_skip(request, &cursor, bytes);
    request->piece = cursor.piece;
    request->piece_offset = cursor.offset;
}

enum status request_proceed(struct block_core *core, struct block_request *request, uint64_t limit)
{
    uint32_t tag = core->free_tag;
    enum status status = part_issue(core, request, limit);

    if (status == ERR_AGAIN)
        return status;
    request->issued = true;
    if (status != OK)
        request_fail_at(request, request->progress, status);
    else if (!request_is_flush(request))
        request_advance(request, core->parts[tag].length);
    return status;
}

bool request_issue(struct block_core *core, struct block_request *request)
{
    if (request->progress == 0 && request->parts == 0)
        request->sequence = core->completed;
    do {
        if (request->status != OK)
            break;
        if (request_proceed(core, request, request->length - request->progress) == ERR_AGAIN)
            return false;
        core->statistic_split += request->parts == 2;
    } while (request->progress < request->length && !request->flushing);
    return true;
}

/* ---- the usual request ---- */

/* The region of a READ or WRITE of one piece that is one part, if there is nothing to say against it; else NULL. */
static inline const struct block_core_region *simple_region(const struct block_core *core,
                                                            const struct block_request *request)
{
    const struct block_client_piece *piece = request->pieces;
    uint64_t offset = request->offset, length = request->length;

    if (request->piece_count != 1 || request->flags || piece->region >= BLOCK_REGIONS_MAX ||
        (request->operation != BLOCK_READ && request->operation != BLOCK_WRITE))
        return NULL;

    const struct block_core_region *region = &core->regions[piece->region];
    bool good = length == piece->length && length - 1 < core->transfer_max &&
                ((offset | length) & core->block_mask) == 0 && range_ok(offset, length, core->info.size) &&
                region->registered && (region->write || request->operation == BLOCK_WRITE) &&
                range_ok(piece->offset, length, region->size) &&
                ((piece->offset | length) & core->alignment_mask) == 0;

    return good ? region : NULL;
}

/* Part, segment and element of a simple request. The reserved words of an element are 0 from the beginning (the ring is zeroed), and
   nobody writes anything else there. */
static inline void part_simple(struct block_core *core, struct block_request *request,
                               const struct block_core_region *region)
{
    struct block_element *element = ring_back(&core->submission, sizeof(*element));
    uint64_t length = request->length;
    uint32_t tag;
    struct block_part *part = part_take(core, &tag);
    uint32_t place = tag * core->settings.segments;
    struct block_segment *segment = &core->table[place];

    part->request_opt = request;
    part->offset = 0;
    part->length = length;
    segment->offset = request->pieces->offset;
    segment->length = (uint32_t)length;
    segment->region = region->wire;
    element->offset = request->offset;
    element->length = length;
    element->tag = tag;
    element->operation = (uint16_t)request->operation;
    element->flags = 0;
    element->segment = place;
    element->segments = 1;
    ring_staged(&core->submission);
}

/* Most requests are simple, and come while nothing waits: they are checked and issued in one go. */
void block_core_submit(struct block_core *core, struct block_request *request)
{
    const struct block_core_region *region = NULL;

    if (core_clear(core) && core->free_tag != BLOCK_NONE && ring_room(&core->submission))
        region = simple_region(core, request);
    if (__builtin_expect(!region, 0)) {
        request_submit(core, request);
        return;
    }
    part_simple(core, request, region);
    request_restart(request);
    request->again = request->too_early = false;
    request->issued = true;
    request->parts = 1;
    request->progress = request->bytes_done;
    request->state = BLOCK_REQUEST_ISSUED;
    list_append(&core->issued, request);
}

/* ---- cancelling ---- */

/* False: no tag or place is left. */
static bool cancel_issue(struct block_core *core, uint32_t victim)
{
    struct block_element element = {.operation = BLOCK_CANCEL, .offset = victim};
    struct block_part *part;
    uint32_t tag;

    if (core->free_tag == BLOCK_NONE)
        return false;
    part = part_take(core, &tag);
    part->offset = part->length = 0;
    element.tag = tag;
    if (element_stage(core, &element) != OK) {
        part_free(core, part, tag);
        return false;
    }
    core->parts[victim].cancel_sent = true;
    return true;
}

static void cancels_issue(struct block_core *core)
{
    for (uint32_t tag = 0; tag < core->settings.depth; tag++) {
        const struct block_part *part = &core->parts[tag];

        if (part->request_opt && part->request_opt->cancelled && !part->cancel_sent &&
            !cancel_issue(core, tag))
            return;
    }
    core->cancelling = false;
}

/* ---- the waiting list ---- */

void core_pump(struct block_core *core)
{
    if (core->cancelling)
        cancels_issue(core);
    for (struct block_request *request; core->flowing && (request = core->waiting.first);) {
        bool answers = request_is_flush(request) || (request->flags & BLOCK_BARRIER);

        if ((core->lost || request->too_early) && answers && request->parts == 0) {
            list_remove(&core->waiting, request);
            request_finish(core, request, ERR_LOST);
            continue;
        }
        if (!request_issue(core, request))
            return;
        list_remove(&core->waiting, request);
        if (request->parts == 0) {
            request_finish(core, request, request->status);
            continue;
        }
        request->state = BLOCK_REQUEST_ISSUED;
        list_append(&core->issued, request);
    }
}
