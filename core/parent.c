/* SPDX-License-Identifier: MIT */
/*
 * The parent contract for init, core's only child. Core never has to wait for anything, so a session is there, or has
 * failed, when SESSION_OPEN returns; init is no server for core, so it is never asked for a session.
 */
#include "contract/parent/dispatch.h"
#include "core/core.h"
#include "core/parent.h"
#include "lib/fmt/fmt.h"

static struct {
    struct object object;
    struct pd *pd;
    uint32_t control; /* notification: there is an answer */
    uint32_t answer;  /* enum parent_control_flag; 0: none waits */
} parent;

static uint64_t round_up(uint64_t ram)
{
    return ram > UINT64_MAX - FRAME_SIZE ? ram : (ram + FRAME_SIZE - 1) & ~(FRAME_SIZE - 1);
}

static enum status handle_session_open(void *context, const struct parent_session_open *in,
                                       struct parent_session_id *out)
{
    const struct service *service = service_find(in->service);
    char label[SESSION_LABEL_MAX];
    struct session *session;

    (void)context;
    if (!service)
        return ERR_NOT_FOUND;
    (void)fmt_format(label, sizeof(label), "init%s%s", in->label[0] ? " -> " : "", in->label);
    enum status status = session_create(service, &parent.pd->session.account, round_up(in->ram), in->caps,
                                        label, in->args, &session);
    if (status != OK)
        return status;
    out->id = session_id(session);
    return OK;
}

/* Init's own domain is a session too, but not one that init has opened. */
static struct session *find_any(uint64_t id)
{
    struct session *session = session_find(id);

    return session == &parent.pd->session ? NULL : session;
}

/* One whose closing has begun can only be closed further. */
static struct session *find(uint64_t id)
{
    struct session *session = find_any(id);

    return session && session->closing ? NULL : session;
}

static enum status handle_session_get(void *context, uint64_t id, struct message_cap *opened)
{
    struct session *session = find(id);

    (void)context;
    if (!session)
        return ERR_NOT_FOUND;
    *opened = object_cap(&session->object);
    return OK;
}

static enum status handle_session_upgrade(void *context, const struct parent_session_upgrade *in)
{
    struct session *session = find(in->id);

    (void)context;
    if (!session)
        return ERR_NOT_FOUND;
    enum status status =
        account_transfer(&parent.pd->session.account, &session->account, round_up(in->ram), in->caps);

    if (status == OK && session->object.kind == KIND_PD)
        pd_slots_raise((struct pd *)session);
    return status;
}

static enum status handle_session_close(void *context, uint64_t id, struct parent_returned *out)
{
    struct session *session = find_any(id);

    (void)context;
    if (!session)
        return ERR_NOT_FOUND;
    struct parent_returned returned = {.ram = session->account.ram.limit,
                                       .caps = (uint32_t)session->account.caps.limit};
    enum status status = session_end(session);

    if (status == OK)
        *out = returned;
    return status;
}

/* The others would never be signalled: what becomes of a session is known when SESSION_OPEN returns. */
static enum status handle_set_notification(void *context, uint32_t place, uint32_t notification)
{
    (void)context;
    if (place != PARENT_NOTIFY_CONTROL)
        return OK;
    return slot_replace(&parent.pd->session.account, notification, RIGHT_NOTIFICATION_SIGNAL,
                        &parent.control);
}

/* Init got everything but core's reserve when it started, so as a rule there is nothing to give. */
static enum status handle_resource_request(void *context, uint64_t ram, uint32_t caps)
{
    uint64_t free_ram = quota_left(&core.root.ram), free_caps = quota_left(&core.root.caps);

    (void)context;
    if (parent.answer)
        return ERR_BUSY;
    parent.answer = PARENT_CONTROL_REFUSED;
    ram = round_up(ram);
    if (free_ram >= CORE_RESERVE_RAM && ram <= free_ram - CORE_RESERVE_RAM &&
        free_caps >= CORE_RESERVE_CAPS && caps <= free_caps - CORE_RESERVE_CAPS &&
        account_transfer(&core.root, &parent.pd->session.account, ram, caps) == OK) {
        pd_slots_raise(parent.pd);
        parent.answer = PARENT_CONTROL_GRANTED;
    }
    if (parent.control != CAP_NONE)
        (void)(kernel_notification_signal(parent.control) == OK);
    return OK;
}

static enum status handle_control(void *context, struct parent_control *out)
{
    (void)context;
    *out = (struct parent_control){.flags = parent.answer};
    parent.answer = 0;
    return OK;
}

/* Core never asks for anything back. */
static enum status handle_yielded(void *context, uint64_t ram, uint32_t caps)
{
    (void)context;
    (void)ram;
    (void)caps;
    return OK;
}

static enum status handle_exit(void *context, int code)
{
    (void)context;
    core_print("init exited with code %d", code);
    core_exit((uint32_t)code);
}

static enum status handle_announce(void *context, const char *service)
{
    (void)context;
    (void)service;
    return ERR_UNSUPPORTED;
}

static enum status handle_request_next(void *context, struct parent_request *out)
{
    (void)context;
    (void)out;
    return ERR_NOT_FOUND;
}

static enum status handle_request_deliver(void *context, const struct parent_deliver *in, uint32_t opened)
{
    (void)context;
    (void)in;
    (void)opened;
    return ERR_NOT_FOUND;
}

static const struct parent_handlers handlers = {
    .session_open = handle_session_open,
    .session_get = handle_session_get,
    .session_upgrade = handle_session_upgrade,
    .session_close = handle_session_close,
    .set_notification = handle_set_notification,
    .exit = handle_exit,
    .resource_request = handle_resource_request,
    .control = handle_control,
    .yielded = handle_yielded,
    .announce = handle_announce,
    .request_next = handle_request_next,
    .request_deliver = handle_request_deliver,
};

enum status parent_core_dispatch(struct dispatch *d)
{
    return parent_dispatch(&handlers, NULL, d);
}

enum status parent_create(struct pd *pd, uint32_t *portal)
{
    parent.pd = pd;
    parent.object = (struct object){.kind = KIND_PARENT, .account = &pd->session.account};
    enum status status = object_publish(&parent.object, 0);

    if (status == OK)
        *portal = parent.object.slot;
    return status;
}
