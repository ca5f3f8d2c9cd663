/* SPDX-License-Identifier: MIT */
/*
 * IO_MEM requests: nothing but their form to check.
 */
#include "contract/io_mem/dispatch.h"

static const struct dispatch_rule rules[IO_MEM_OPCODE_COUNT] = {
    [IO_MEM_DATASPACE] = DISPATCH_RULE_EMPTY(0),
};

static enum status serve_dataspace(const struct io_mem_handlers *handlers, void *session, struct dispatch *d)
{
    struct io_mem_range out = {0};
    struct message_cap dataspace = {0};
    enum status status = handlers->dataspace(session, &out, &dataspace);

    if (status == OK) {
        dispatch_reply(d, &out, sizeof(out));
        dispatch_reply_cap(d, dataspace);
    }
    return status;
}

enum status io_mem_dispatch(const struct io_mem_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, IO_MEM_OPCODE_COUNT);

    return status == OK ? serve_dataspace(handlers, session, d) : status;
}
