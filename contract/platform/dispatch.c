/* SPDX-License-Identifier: MIT */
/*
 * PLATFORM requests: indices and widths must be possible ones, mappings whole pages.
 */
#include "contract/platform/dispatch.h"

#include "lib/range/range.h"

static const struct dispatch_rule rules[PLATFORM_OPCODE_COUNT] = {
    [PLATFORM_DEVICE] = DISPATCH_RULE_EMPTY(0),
    [PLATFORM_BAR] = DISPATCH_RULE(struct platform_index, 0),
    [PLATFORM_INTERRUPT] = DISPATCH_RULE(struct platform_index, 1),
    [PLATFORM_CONFIG_READ] = DISPATCH_RULE(struct platform_config, 0),
    [PLATFORM_BUS_MASTER] = DISPATCH_RULE(struct platform_value, 0),
    [PLATFORM_RESET] = DISPATCH_RULE_EMPTY(0),
    [PLATFORM_DMA_MAP] = DISPATCH_RULE(struct platform_dma_map, 1),
    [PLATFORM_DMA_RUN] = DISPATCH_RULE(struct platform_dma_at, 0),
    [PLATFORM_DMA_UNMAP] = DISPATCH_RULE(struct platform_dma_id, 0),
};

static enum status serve_device(const struct platform_handlers *handlers, void *session, struct dispatch *d)
{
    struct platform_device out = {0};
    enum status status = handlers->device(session, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_bar(const struct platform_handlers *handlers, void *session, struct dispatch *d)
{
    struct platform_bar_range out = {0};
    struct message_cap dataspace = {0};
    struct platform_index in;

    dispatch_request(d, &in, sizeof(in));
    if (in.reserved)
        return ERR_INVALID;
    if (in.index >= PLATFORM_BARS)
        return ERR_RANGE;
    enum status status = handlers->bar(session, in.index, &out, &dataspace);

    if (status == OK) {
        dispatch_reply(d, &out, sizeof(out));
        dispatch_reply_cap(d, dataspace);
    }
    return status;
}

static enum status serve_interrupt(const struct platform_handlers *handlers, void *session,
                                   struct dispatch *d)
{
    struct platform_interrupt out = {0};
    struct message_cap interrupt = {0};
    struct platform_index in;

    dispatch_request(d, &in, sizeof(in));
    if (in.reserved)
        return ERR_INVALID;
    enum status status = handlers->interrupt(session, in.index, dispatch_cap(d, 0), &out, &interrupt);

    if (status == OK) {
        dispatch_reply(d, &out, sizeof(out));
        dispatch_reply_cap(d, interrupt);
    }
    return status;
}

static enum status serve_config_read(const struct platform_handlers *handlers, void *session,
                                     struct dispatch *d)
{
    struct platform_value out = {0};
    struct platform_config in;

    dispatch_request(d, &in, sizeof(in));
    if ((in.width != 1 && in.width != 2 && in.width != 4) || in.offset % in.width != 0)
        return ERR_INVALID;
    if (!range_ok(in.offset, in.width, PLATFORM_CONFIG_SIZE))
        return ERR_RANGE;
    enum status status = handlers->config_read(session, in.offset, in.width, &out.value);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_bus_master(const struct platform_handlers *handlers, void *session,
                                    struct dispatch *d)
{
    struct platform_value in;

    dispatch_request(d, &in, sizeof(in));
    return in.value > 1 ? ERR_INVALID : handlers->bus_master(session, in.value == 1);
}

static enum status serve_dma_map(const struct platform_handlers *handlers, void *session, struct dispatch *d)
{
    struct platform_dma_mapping out = {0};
    struct platform_dma_map in;

    dispatch_request(d, &in, sizeof(in));
    if (in.reserved || in.write > 1)
        return ERR_INVALID;
    if (!dispatch_pages_ok(in.offset, in.size))
        return ERR_RANGE;
    enum status status = handlers->dma_map(session, &in, dispatch_cap(d, 0), &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_dma_run(const struct platform_handlers *handlers, void *session, struct dispatch *d)
{
    struct platform_dma_run out = {0};
    struct platform_dma_at in;

    dispatch_request(d, &in, sizeof(in));
    if (in.reserved)
        return ERR_INVALID;
    if (!dispatch_page_aligned(in.offset))
        return ERR_RANGE;
    enum status status = handlers->dma_run(session, &in, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_dma_unmap(const struct platform_handlers *handlers, void *session,
                                   struct dispatch *d)
{
    struct platform_dma_id in;

    dispatch_request(d, &in, sizeof(in));
    return in.reserved ? ERR_INVALID : handlers->dma_unmap(session, in.id);
}

enum status platform_dispatch(const struct platform_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, PLATFORM_OPCODE_COUNT);

    if (status != OK)
        return status;
    switch (d->opcode) {
    case PLATFORM_DEVICE: return serve_device(handlers, session, d);
    case PLATFORM_BAR: return serve_bar(handlers, session, d);
    case PLATFORM_INTERRUPT: return serve_interrupt(handlers, session, d);
    case PLATFORM_CONFIG_READ: return serve_config_read(handlers, session, d);
    case PLATFORM_BUS_MASTER: return serve_bus_master(handlers, session, d);
    case PLATFORM_RESET: return handlers->reset(session);
    case PLATFORM_DMA_MAP: return serve_dma_map(handlers, session, d);
    case PLATFORM_DMA_RUN: return serve_dma_run(handlers, session, d);
    case PLATFORM_DMA_UNMAP: return serve_dma_unmap(handlers, session, d);
    default: return ERR_UNSUPPORTED;
    }
}
