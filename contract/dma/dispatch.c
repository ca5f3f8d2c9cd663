/* SPDX-License-Identifier: MIT */
/*
 * DMA requests: ranges are whole pages and do not wrap; registers and configuration spaces are at page boundaries; flags
 * are 0 or 1.
 */
#include "contract/dma/dispatch.h"

static const struct dispatch_rule rules[DMA_OPCODE_COUNT] = {
    [DMA_UNIT_ADD] = DISPATCH_RULE(struct dma_unit, 0),
    [DMA_DEVICE_ATTACH] = DISPATCH_RULE(struct dma_device, 0),
    [DMA_DEVICE_DETACH] = DISPATCH_RULE(struct dma_device, 0),
    [DMA_MAP] = DISPATCH_RULE(struct dma_map, 1),
    [DMA_RUN] = DISPATCH_RULE(struct dma_at, 0),
    [DMA_UNMAP] = DISPATCH_RULE(struct dma_id, 0),
    [DMA_FAULT] = DISPATCH_RULE_EMPTY(0),
    [DMA_FAULT_NOTIFY] = DISPATCH_RULE_EMPTY(1),
    [DMA_INTERRUPTS] = DISPATCH_RULE(struct dma_interrupts, 0),
};

static enum status serve_unit_add(const struct dma_handlers *handlers, void *session, struct dispatch *d)
{
    struct dma_unit in;

    dispatch_request(d, &in, sizeof(in));
    if (!dispatch_pages_ok(in.registers, 4096) || in.registers == 0 || in.segment > UINT16_MAX || in.all > 1)
        return ERR_INVALID;
    return handlers->unit_add(session, &in);
}

static enum status take_device(const struct dispatch *d, struct dma_device *in)
{
    dispatch_request(d, in, sizeof(*in));
    return in->reserved != 0 || !dispatch_page_aligned(in->config | in->unit) ? ERR_INVALID : OK;
}

static enum status serve_attach(const struct dma_handlers *handlers, void *session, struct dispatch *d)
{
    struct dma_device in;
    struct dma_protection out = {0};
    enum status status = take_device(d, &in);

    if (status == OK)
        status = handlers->device_attach(session, &in, &out);
    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_detach(const struct dma_handlers *handlers, void *session, struct dispatch *d)
{
    struct dma_device in;
    enum status status = take_device(d, &in);

    return status == OK ? handlers->device_detach(session, &in) : status;
}

static enum status serve_map(const struct dma_handlers *handlers, void *session, struct dispatch *d)
{
    struct dma_map in;
    struct dma_mapping out = {0};

    dispatch_request(d, &in, sizeof(in));
    if (in.reserved != 0 || in.write > 1 || !dispatch_pages_ok(in.offset, in.size))
        return ERR_INVALID;
    enum status status = handlers->map(session, &in, dispatch_cap(d, 0), &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_run(const struct dma_handlers *handlers, void *session, struct dispatch *d)
{
    struct dma_at in;
    struct dma_run out = {0};

    dispatch_request(d, &in, sizeof(in));
    if (in.reserved != 0 || !dispatch_page_aligned(in.offset))
        return ERR_INVALID;
    enum status status = handlers->run(session, &in, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_unmap(const struct dma_handlers *handlers, void *session, struct dispatch *d)
{
    struct dma_id in;

    dispatch_request(d, &in, sizeof(in));
    return in.reserved == 0 ? handlers->unmap(session, in.id) : ERR_INVALID;
}

static enum status serve_fault(const struct dma_handlers *handlers, void *session, struct dispatch *d)
{
    struct dma_fault out = {0};
    enum status status = handlers->fault(session, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_interrupts(const struct dma_handlers *handlers, void *session, struct dispatch *d)
{
    struct dma_interrupts in;

    dispatch_request(d, &in, sizeof(in));
    if (in.reserved != 0 || in.has_ioapic > 1 || !dispatch_page_aligned(in.unit))
        return ERR_INVALID;
    return handlers->interrupts(session, &in);
}

enum status dma_dispatch(const struct dma_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, DMA_OPCODE_COUNT);

    if (status != OK)
        return status;
    switch (d->opcode) {
    case DMA_UNIT_ADD: return serve_unit_add(handlers, session, d);
    case DMA_DEVICE_ATTACH: return serve_attach(handlers, session, d);
    case DMA_DEVICE_DETACH: return serve_detach(handlers, session, d);
    case DMA_MAP: return serve_map(handlers, session, d);
    case DMA_RUN: return serve_run(handlers, session, d);
    case DMA_UNMAP: return serve_unmap(handlers, session, d);
    case DMA_FAULT: return serve_fault(handlers, session, d);
    case DMA_FAULT_NOTIFY: return handlers->fault_notify(session, dispatch_cap(d, 0));
    case DMA_INTERRUPTS: return serve_interrupts(handlers, session, d);
    default: return ERR_UNSUPPORTED;
    }
}
