/* SPDX-License-Identifier: MIT */
/*
 * ACCOUNTS requests: only their sizes need a check.
 */
#include "contract/accounts/dispatch.h"

static const struct dispatch_rule rules[ACCOUNTS_OPCODE_COUNT] = {
    [ACCOUNTS_SYSTEM] = DISPATCH_RULE_EMPTY(0),
    [ACCOUNTS_NEXT] = DISPATCH_RULE(struct accounts_after, 0),
};

static enum status serve_system(const struct accounts_handlers *handlers, void *session, struct dispatch *d)
{
    struct accounts_system out = {0};
    enum status status = handlers->system(session, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_next(const struct accounts_handlers *handlers, void *session, struct dispatch *d)
{
    struct accounts_after in;
    struct accounts_session out = {0};

    dispatch_request(d, &in, sizeof(in));
    enum status status = handlers->next(session, in.id, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

enum status accounts_dispatch(const struct accounts_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, ACCOUNTS_OPCODE_COUNT);

    if (status != OK)
        return status;
    return d->opcode == ACCOUNTS_SYSTEM ? serve_system(handlers, session, d)
                                        : serve_next(handlers, session, d);
}
