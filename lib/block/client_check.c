/* SPDX-License-Identifier: MIT */
/* The invariants of client_core.h, as a walk over everything. */
#include "lib/block/client_private.h"

static bool list_ok(const struct block_list *list, unsigned state)
{
    struct block_request *const *place = &list->first;

    for (const struct block_request *request = list->first; request; request = request->next) {
        if (request->state != state || request->place != place)
            return false;
        place = &request->next;
    }
    return list->end == place;
}

static bool lists_ok(const struct block_core *core)
{
    return list_ok(&core->waiting, BLOCK_REQUEST_WAITING) && list_ok(&core->issued, BLOCK_REQUEST_ISSUED) &&
           list_ok(&core->finished, BLOCK_REQUEST_FINISHED) &&
           list_ok(&core->retained, BLOCK_REQUEST_RETAINED) && list_ok(&core->replay, BLOCK_REQUEST_REPLAY) &&
           list_ok(&core->replaying, BLOCK_REQUEST_REPLAYING);
}

static uint32_t tags_of(const struct block_core *core, const struct block_request *request)
{
    uint32_t count = 0;

    for (uint32_t tag = 0; tag < core->settings.depth; tag++)
        count += core->parts[tag].request_opt == request;
    return count;
}

/* C2, but for what is drained, whose parts are forgotten. */
static bool parts_ok(const struct block_core *core, const struct block_list *list)
{
    for (const struct block_request *request = list->first; request; request = request->next)
        if (request->parts != tags_of(core, request))
            return false;
    return true;
}

/* C1 and C7. */
static bool tags_ok(const struct block_core *core)
{
    uint64_t slots = core->bounce_free;
    uint32_t free = 0, used = 0;

    for (uint32_t tag = core->free_tag; tag != BLOCK_NONE; tag = core->parts[tag].next_free)
        if (core->parts[tag].used || ++free > core->settings.depth)
            return false;
    for (uint32_t tag = 0; tag < core->settings.depth; tag++) {
        const struct block_part *part = &core->parts[tag];

        used += part->used;
        if (part->bounce == BLOCK_NONE)
            continue;
        if (!part->used || slots >> part->bounce & 1)
            return false;
        slots |= (uint64_t)1 << part->bounce;
    }
    return free + used == core->settings.depth && used == core->in_flight && slots == core->bounce_slots;
}

/* C3. */
static bool retained_ok(const struct block_core *core)
{
    for (const struct block_request *request = core->retained.first; request; request = request->next)
        if (request->sequence >= core->completed ||
            (request->next && request->next->sequence <= request->sequence))
            return false;
    return core->settings.retain || (!core->retained.first && !core->replay.first && !core->replaying.first);
}

/* C4 and C5. */
static bool replay_ok(const struct block_core *core)
{
    bool replays = core->replay.first || core->replaying.first;

    if (replays && (core->flowing || (core->issued.first && !core->draining)))
        return false;
    for (const struct block_request *a = core->replaying.first; a; a = a->next)
        for (const struct block_request *b = a->next; b; b = b->next)
            if (a->offset < b->offset + b->length && b->offset < a->offset + a->length)
                return false;
    return true;
}

bool block_core_check(const struct block_core *core)
{
    if (!lists_ok(core) || !tags_ok(core) || !retained_ok(core) || !replay_ok(core))
        return false;
    if (core->draining)
        return true;
    return parts_ok(core, &core->waiting) && parts_ok(core, &core->issued) &&
           parts_ok(core, &core->replaying) && parts_ok(core, &core->replay);
}
