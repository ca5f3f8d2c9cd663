/* SPDX-License-Identifier: MIT */
/*
 * PARENT requests: texts end and can be printed, identifiers are not 0, places exist.
 */
#include "contract/parent/dispatch.h"

static const struct dispatch_rule rules[PARENT_OPCODE_COUNT] = {
    [PARENT_SESSION_OPEN] = DISPATCH_RULE(struct parent_session_open, 0),
    [PARENT_SESSION_GET] = DISPATCH_RULE(struct parent_session_id, 0),
    [PARENT_SESSION_UPGRADE] = DISPATCH_RULE(struct parent_session_upgrade, 0),
    [PARENT_SESSION_CLOSE] = DISPATCH_RULE(struct parent_session_id, 0),
    [PARENT_SET_NOTIFICATION] = DISPATCH_RULE(struct parent_set_notification, 1),
    [PARENT_EXIT] = DISPATCH_RULE(struct parent_exit, 0),
    [PARENT_RESOURCE_REQUEST] = DISPATCH_RULE(struct parent_resource, 0),
    [PARENT_ANNOUNCE] = DISPATCH_RULE(struct parent_announce, 0),
    [PARENT_REQUEST_NEXT] = DISPATCH_RULE_EMPTY(0),
    [PARENT_REQUEST_DELIVER] = DISPATCH_RULE(struct parent_deliver, 1),
    [PARENT_CONTROL] = DISPATCH_RULE_EMPTY(0),
    [PARENT_YIELDED] = DISPATCH_RULE(struct parent_resource, 0),
};

static enum status serve_session_open(const struct parent_handlers *handlers, void *session,
                                      struct dispatch *d)
{
    struct parent_session_open in;
    struct parent_session_id out = {0};

    dispatch_request(d, &in, sizeof(in));
    if (!dispatch_text_ok(in.service, sizeof(in.service)) || !dispatch_text_ok(in.label, sizeof(in.label)) ||
        !dispatch_text_ok(in.args, sizeof(in.args)) || in.service[0] == 0 ||
        in.notify == PARENT_NOTIFY_REQUESTS || in.notify >= PARENT_NOTIFY_CONTROL)
        return ERR_INVALID;
    enum status status = handlers->session_open(session, &in, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_session_get(const struct parent_handlers *handlers, void *session,
                                     struct dispatch *d)
{
    struct parent_session_id in;
    struct message_cap opened = {0};

    dispatch_request(d, &in, sizeof(in));
    if (in.id == 0)
        return ERR_INVALID;
    enum status status = handlers->session_get(session, in.id, &opened);

    if (status == OK)
        dispatch_reply_cap(d, opened);
    return status;
}

static enum status serve_session_upgrade(const struct parent_handlers *handlers, void *session,
                                         struct dispatch *d)
{
    struct parent_session_upgrade in;

    dispatch_request(d, &in, sizeof(in));
    return in.id == 0 || in.reserved != 0 ? ERR_INVALID : handlers->session_upgrade(session, &in);
}

static enum status serve_session_close(const struct parent_handlers *handlers, void *session,
                                       struct dispatch *d)
{
    struct parent_session_id in;
    struct parent_returned out = {0};

    dispatch_request(d, &in, sizeof(in));
    if (in.id == 0)
        return ERR_INVALID;
    enum status status = handlers->session_close(session, in.id, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_set_notification(const struct parent_handlers *handlers, void *session,
                                          struct dispatch *d)
{
    struct parent_set_notification in;

    dispatch_request(d, &in, sizeof(in));
    if (in.place >= PARENT_NOTIFICATIONS || in.reserved != 0)
        return ERR_INVALID;
    return handlers->set_notification(session, in.place, dispatch_cap(d, 0));
}

static enum status serve_exit(const struct parent_handlers *handlers, void *session, struct dispatch *d)
{
    struct parent_exit in;

    dispatch_request(d, &in, sizeof(in));
    return in.reserved != 0 ? ERR_INVALID : handlers->exit(session, in.code);
}

static enum status serve_announce(const struct parent_handlers *handlers, void *session, struct dispatch *d)
{
    struct parent_announce in;

    dispatch_request(d, &in, sizeof(in));
    if (!dispatch_text_ok(in.service, sizeof(in.service)) || in.service[0] == 0)
        return ERR_INVALID;
    return handlers->announce(session, in.service);
}

static enum status serve_request_next(const struct parent_handlers *handlers, void *session,
                                      struct dispatch *d)
{
    struct parent_request out = {0};
    enum status status = handlers->request_next(session, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

static enum status serve_request_deliver(const struct parent_handlers *handlers, void *session,
                                         struct dispatch *d)
{
    struct parent_deliver in;

    dispatch_request(d, &in, sizeof(in));
    if (in.id == 0 || in.status >= STATUS_COUNT || in.kind < PARENT_REQUEST_CREATE ||
        in.kind > PARENT_REQUEST_CLOSE)
        return ERR_INVALID;
    return handlers->request_deliver(session, &in, dispatch_cap(d, 0));
}

/* RESOURCE_REQUEST and YIELDED. */
static enum status serve_resource(enum status (*handler)(void *session, uint64_t ram, uint32_t caps),
                                  void *session, struct dispatch *d)
{
    struct parent_resource in;

    dispatch_request(d, &in, sizeof(in));
    if (!handler)
        return ERR_UNSUPPORTED;
    return in.reserved != 0 ? ERR_INVALID : handler(session, in.ram, in.caps);
}

static enum status serve_control(const struct parent_handlers *handlers, void *session, struct dispatch *d)
{
    struct parent_control out = {0};
    enum status status = handlers->control ? handlers->control(session, &out) : ERR_UNSUPPORTED;

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

enum status parent_dispatch(const struct parent_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, PARENT_OPCODE_COUNT);

    if (status != OK)
        return status;
    switch (d->opcode) {
    case PARENT_SESSION_OPEN: return serve_session_open(handlers, session, d);
    case PARENT_SESSION_GET: return serve_session_get(handlers, session, d);
    case PARENT_SESSION_UPGRADE: return serve_session_upgrade(handlers, session, d);
    case PARENT_SESSION_CLOSE: return serve_session_close(handlers, session, d);
    case PARENT_SET_NOTIFICATION: return serve_set_notification(handlers, session, d);
    case PARENT_EXIT: return serve_exit(handlers, session, d);
    case PARENT_ANNOUNCE: return serve_announce(handlers, session, d);
    case PARENT_REQUEST_NEXT: return serve_request_next(handlers, session, d);
    case PARENT_REQUEST_DELIVER: return serve_request_deliver(handlers, session, d);
    case PARENT_RESOURCE_REQUEST: return serve_resource(handlers->resource_request, session, d);
    case PARENT_CONTROL: return serve_control(handlers, session, d);
    case PARENT_YIELDED: return serve_resource(handlers->yielded, session, d);
    default: return ERR_UNSUPPORTED;
    }
}
