/* SPDX-License-Identifier: MIT */
/*
 * IO_PORT requests: nothing but their form to check.
 */
#include "contract/io_port/dispatch.h"

static const struct dispatch_rule rules[IO_PORT_OPCODE_COUNT] = {
    [IO_PORT_ENABLE] = DISPATCH_RULE_EMPTY(1),
};

static enum status serve_enable(const struct io_port_handlers *handlers, void *session, struct dispatch *d)
{
    struct io_port_range out = {0};
    enum status status = handlers->enable(session, dispatch_cap(d, 0), &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

enum status io_port_dispatch(const struct io_port_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, IO_PORT_OPCODE_COUNT);

    return status == OK ? serve_enable(handlers, session, d) : status;
}
