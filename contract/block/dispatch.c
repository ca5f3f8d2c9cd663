/* SPDX-License-Identifier: MIT */
/*
 * BLOCK requests: the parts of a queue are aligned, apart, and inside its size; regions are whole pages.
 */
#include "contract/block/dispatch.h"

#include "lib/range/range.h"
#include "lib/ring/ring.h"

enum { PART_ALIGNMENT = 64, PARTS = 4 };

static const struct dispatch_rule rules[BLOCK_OPCODE_COUNT] = {
    [BLOCK_INFO] = DISPATCH_RULE_EMPTY(0),
    [BLOCK_CONNECT] = DISPATCH_RULE(struct block_connect, 2),
    [BLOCK_REGION_ADD] = DISPATCH_RULE(struct block_region_add, 1),
    [BLOCK_REGION_REMOVE] = DISPATCH_RULE(struct block_region_id, 0),
    [BLOCK_ACKNOWLEDGE] = DISPATCH_RULE(struct block_verifier, 0),
};

struct part {
    uint64_t offset, size; /* far below 2^32 */
};

static bool parts_ok(const struct part *parts, uint64_t size)
{
    for (unsigned i = 0; i < PARTS; i++) {
        if (parts[i].offset % PART_ALIGNMENT != 0 || !range_ok(parts[i].offset, parts[i].size, size))
            return false;
        for (unsigned k = 0; k < i; k++)
            if (parts[k].offset < parts[i].offset + parts[i].size &&
                parts[i].offset < parts[k].offset + parts[k].size)
                return false;
    }
    return true;
}

static bool connect_ok(const struct block_connect *in)
{
    uint32_t depth = in->depth;

    if (depth == 0 || depth > BLOCK_DEPTH_MAX || (depth & (depth - 1)) != 0)
        return false;
    if (in->segments == 0 || in->segments > BLOCK_SEGMENTS_MAX)
        return false;

    const struct part parts[PARTS] = {
        {0, sizeof(struct block_state)},
        {in->submission_offset, sizeof(struct ring_shared) + (uint64_t)depth * sizeof(struct block_element)},
        {in->completion_offset,
         sizeof(struct ring_shared) + (uint64_t)depth * sizeof(struct block_completion)},
        {in->segment_offset, (uint64_t)in->segments * sizeof(struct block_segment)},
    };

    return parts_ok(parts, in->size);
}

static enum status serve_info(const struct block_handlers *handlers, void *session, struct dispatch *d)
{
    struct block_info out = {0};
    enum status status = handlers->info(session, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_connect(const struct block_handlers *handlers, void *session, struct dispatch *d)
{
    struct block_connect in;
    struct message_cap server_notification = {0};

    dispatch_request(d, &in, sizeof(in));
    if (!connect_ok(&in))
        return ERR_RANGE;

    enum status status =
        handlers->connect(session, &in, dispatch_cap(d, 0), dispatch_cap(d, 1), &server_notification);

    if (status == OK)
        dispatch_reply_cap(d, server_notification);
    return status;
}

static enum status serve_region_add(const struct block_handlers *handlers, void *session, struct dispatch *d)
{
    struct block_region_add in;
    struct block_region_id out = {0};

    dispatch_request(d, &in, sizeof(in));
    if (!dispatch_pages_ok(in.offset, in.size) || in.write > 1 || in.reserved != 0)
        return ERR_INVALID;

    enum status status = handlers->region_add(session, &in, dispatch_cap(d, 0), &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_region_remove(const struct block_handlers *handlers, void *session,
                                       struct dispatch *d)
{
    struct block_region_id in;

    dispatch_request(d, &in, sizeof(in));
    if (in.reserved != 0)
        return ERR_INVALID;
    return in.region < BLOCK_REGIONS_MAX ? handlers->region_remove(session, &in) : ERR_NOT_FOUND;
}

static enum status serve_acknowledge(const struct block_handlers *handlers, void *session, struct dispatch *d)
{
    struct block_verifier in;

    dispatch_request(d, &in, sizeof(in));
    return handlers->acknowledge(session, &in);
}

enum status block_dispatch(const struct block_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, BLOCK_OPCODE_COUNT);

    if (status != OK)
        return status;
    switch (d->opcode) {
    case BLOCK_INFO: return serve_info(handlers, session, d);
    case BLOCK_CONNECT: return serve_connect(handlers, session, d);
    case BLOCK_REGION_ADD: return serve_region_add(handlers, session, d);
    case BLOCK_REGION_REMOVE: return serve_region_remove(handlers, session, d);
    case BLOCK_ACKNOWLEDGE: return serve_acknowledge(handlers, session, d);
    default: return ERR_UNSUPPORTED;
    }
}
