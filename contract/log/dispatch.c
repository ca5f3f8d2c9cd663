/* SPDX-License-Identifier: MIT */
/*
 * LOG requests: the text must be as long as it says.
 */
#include "contract/log/dispatch.h"

static const struct dispatch_rule rules[LOG_OPCODE_COUNT] = {
    [LOG_WRITE] = DISPATCH_RULE_VARIABLE(struct log_write, text, 0),
};

static enum status serve_write(const struct log_handlers *handlers, void *session, struct dispatch *d)
{
    struct log_write in;

    dispatch_request(d, &in, sizeof(in));
    if (in.reserved != 0 || in.length == 0 || in.length > LOG_TEXT_MAX ||
        (offsetof(struct log_write, text) + in.length + 7) / 8 != d->size / 8)
        return ERR_INVALID;
    return handlers->write(session, in.text, in.length);
}

enum status log_dispatch(const struct log_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, LOG_OPCODE_COUNT);

    return status == OK ? serve_write(handlers, session, d) : status;
}
