/* SPDX-License-Identifier: MIT */
/*
 * TERMINAL requests: the two rings are apart, aligned, inside the largest memory, and of a shape that rings can have.
 */
#include "contract/terminal/dispatch.h"

#include "lib/range/range.h"

#define RING_ALIGNMENT 64u

static const struct dispatch_rule rules[TERMINAL_OPCODE_COUNT] = {
    [TERMINAL_CONNECT] = DISPATCH_RULE(struct terminal_connect, 2),
    [TERMINAL_SIZE] = DISPATCH_RULE_EMPTY(0),
};

static bool ring_ok(uint32_t offset, uint32_t size, uint32_t elements)
{
    return offset % RING_ALIGNMENT == 0 && size != 0 && range_ok(offset, size, TERMINAL_MEMORY_MAX) &&
           elements != 0 && (elements & (elements - 1)) == 0 && elements <= size;
}

/* Only of rings that are ok: the sums do not wrap. */
static bool rings_apart(const struct terminal_connect *in)
{
    return in->output_offset + in->output_size <= in->input_offset ||
           in->input_offset + in->input_size <= in->output_offset;
}

static enum status serve_connect(const struct terminal_handlers *handlers, void *session, struct dispatch *d)
{
    struct terminal_connect in;
    struct message_cap server_notification = {0};

    dispatch_request(d, &in, sizeof(in));
    if (!ring_ok(in.output_offset, in.output_size, in.output_elements) ||
        !ring_ok(in.input_offset, in.input_size, in.input_elements) || !rings_apart(&in))
        return ERR_RANGE;
    enum status status =
        handlers->connect(session, &in, dispatch_cap(d, 0), dispatch_cap(d, 1), &server_notification);

    if (status == OK)
        dispatch_reply_cap(d, server_notification);
    return status;
}

static enum status serve_size(const struct terminal_handlers *handlers, void *session, struct dispatch *d)
{
    struct terminal_size out = {0};
    enum status status = handlers->size(session, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

enum status terminal_dispatch(const struct terminal_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, TERMINAL_OPCODE_COUNT);

    if (status != OK)
        return status;
    switch (d->opcode) {
    case TERMINAL_CONNECT: return serve_connect(handlers, session, d);
    case TERMINAL_SIZE: return serve_size(handlers, session, d);
    default: return ERR_UNSUPPORTED;
    }
}
