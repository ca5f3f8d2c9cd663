/* SPDX-License-Identifier: MIT */
/*
 * TIMER requests: a period must not be so short that its signals are all that runs.
 */
#include "contract/timer/dispatch.h"

static const struct dispatch_rule rules[TIMER_OPCODE_COUNT] = {
    [TIMER_NOW] = DISPATCH_RULE_EMPTY(0),
    [TIMER_SET_NOTIFICATION] = DISPATCH_RULE_EMPTY(1),
    [TIMER_ONE_SHOT] = DISPATCH_RULE(struct timer_one_shot, 0),
    [TIMER_PERIODIC] = DISPATCH_RULE(struct timer_periodic, 0),
    [TIMER_CANCEL] = DISPATCH_RULE_EMPTY(0),
};

static enum status serve_now(const struct timer_handlers *handlers, void *session, struct dispatch *d)
{
    struct timer_now out = {0};
    enum status status = handlers->now(session, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_one_shot(const struct timer_handlers *handlers, void *session, struct dispatch *d)
{
    struct timer_one_shot in;

    dispatch_request(d, &in, sizeof(in));
    return handlers->one_shot(session, &in);
}

static enum status serve_periodic(const struct timer_handlers *handlers, void *session, struct dispatch *d)
{
    struct timer_periodic in;

    dispatch_request(d, &in, sizeof(in));
    return in.period_ns < TIMER_PERIOD_MIN_NS ? ERR_RANGE : handlers->periodic(session, &in);
}

enum status timer_dispatch(const struct timer_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, TIMER_OPCODE_COUNT);

    if (status != OK)
        return status;
    switch (d->opcode) {
    case TIMER_NOW: return serve_now(handlers, session, d);
    case TIMER_SET_NOTIFICATION: return handlers->set_notification(session, dispatch_cap(d, 0));
    case TIMER_ONE_SHOT: return serve_one_shot(handlers, session, d);
    case TIMER_PERIODIC: return serve_periodic(handlers, session, d);
    case TIMER_CANCEL: return handlers->cancel(session);
    default: return ERR_UNSUPPORTED;
    }
}
