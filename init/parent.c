/* SPDX-License-Identifier: MIT */
/*
 * What children can ask of init: the handlers of the PARENT contract. The portal that was called tells which child it is.
 */
#include "init/session.h"

#include "contract/parent/dispatch.h"
#include "lib/base/cap.h"
#include "lib/base/log.h"

static enum status handle_session_open(void *context, const struct parent_session_open *in,
                                       struct parent_session_id *out)
{
    return session_request(context, in, &out->id);
}

static enum status handle_session_get(void *context, uint64_t id, struct message_cap *opened)
{
    uint32_t slot;
    enum status status = session_fetch(context, id, &slot);

    if (status == OK)
        *opened = (struct message_cap){slot, RIGHT_PORTAL_CALL};
    return status;
}

static enum status handle_session_upgrade(void *context, const struct parent_session_upgrade *in)
{
    return session_enlarge(context, in);
}

static enum status handle_session_close(void *context, uint64_t id, struct parent_returned *out)
{
    return session_end(context, id, out);
}

/* Requests may have come before there was somebody to tell. */
static enum status handle_set_notification(void *context, uint32_t place, uint32_t notification)
{
    struct init_child *child = context;
    uint32_t slot;
    enum status status = cap_keep(notification, &slot);

    if (status != OK)
        return status;
    cap_free(child->notifications[place]);
    child->notifications[place] = slot;
    if (place == PARENT_NOTIFY_REQUESTS || (place == PARENT_NOTIFY_CONTROL && child->control.news))
        init_child_notify(child, place);
    return OK;
}

static enum status handle_exit(void *context, int code)
{
    struct init_child *child = context;

    child->exited = true;
    child->exit_code = code;
    child->end.run = init_child_exits;
    entrypoint_defer(init.entrypoint, &child->end);
    return OK;
}

static enum status handle_announce(void *context, const char *service)
{
    struct init_child *child = context;
    unsigned index;

    if (!config_provides(child->config->provides, service, &index)) {
        init_child_complain(child, "announces %s, which is not in its <provides>", service);
        return ERR_DENIED;
    }
    if (init.config.verbose)
        log_info("child \"%s\" announces %s", child->config->name, service);
    child->announced |= 1u << index;
    init_child_notify(child, PARENT_NOTIFY_REQUESTS);
    return OK;
}

static enum status handle_request_next(void *context, struct parent_request *out)
{
    return session_request_next(context, out);
}

static enum status handle_request_deliver(void *context, const struct parent_deliver *in, uint32_t opened)
{
    return session_request_answer(context, in, opened);
}

static enum status handle_resource_request(void *context, uint64_t ram, uint32_t caps)
{
    return init_resource_request(context, ram, caps);
}

static enum status handle_control(void *context, struct parent_control *out)
{
    return init_resource_control(context, out);
}

static enum status handle_yielded(void *context, uint64_t ram, uint32_t caps)
{
    return init_resource_yielded(context, ram, caps);
}

static const struct parent_handlers handlers = {
    .session_open = handle_session_open,
    .session_get = handle_session_get,
    .session_upgrade = handle_session_upgrade,
    .session_close = handle_session_close,
    .set_notification = handle_set_notification,
    .exit = handle_exit,
    .announce = handle_announce,
    .request_next = handle_request_next,
    .request_deliver = handle_request_deliver,
    .resource_request = handle_resource_request,
    .control = handle_control,
    .yielded = handle_yielded,
};

enum status init_parent_dispatch(struct portal *portal, struct dispatch *d)
{
    struct init_child *child = (struct init_child *)((char *)portal - offsetof(struct init_child, parent));

    /* A child that has exited, or faulted, and is not taken apart yet. */
    if (child->exited || child->state != CHILD_RUNNING)
        return ERR_PEER_GONE;
    return parent_dispatch(&handlers, child, d);
}
