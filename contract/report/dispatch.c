/* SPDX-License-Identifier: MIT */
/*
 * REPORT requests: sizes must be possible ones.
 */
#include "contract/report/dispatch.h"

static const struct dispatch_rule rules[REPORT_OPCODE_COUNT] = {
    [REPORT_CONNECT] = DISPATCH_RULE(struct report_connect, 1),
    [REPORT_SUBMIT] = DISPATCH_RULE(struct report_submit, 0),
};

static enum status serve_connect(const struct report_handlers *handlers, void *session, struct dispatch *d)
{
    struct report_connect in;

    dispatch_request(d, &in, sizeof(in));
    if (in.size == 0 || in.size > REPORT_SIZE_MAX)
        return ERR_RANGE;
    return handlers->connect(session, in.size, dispatch_cap(d, 0));
}

static enum status serve_submit(const struct report_handlers *handlers, void *session, struct dispatch *d)
{
    struct report_submit in;

    dispatch_request(d, &in, sizeof(in));
    return in.length > REPORT_SIZE_MAX ? ERR_RANGE : handlers->submit(session, in.length);
}

enum status report_dispatch(const struct report_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, REPORT_OPCODE_COUNT);

    if (status != OK)
        return status;
    switch (d->opcode) {
    case REPORT_CONNECT: return serve_connect(handlers, session, d);
    case REPORT_SUBMIT: return serve_submit(handlers, session, d);
    default: return ERR_UNSUPPORTED;
    }
}
