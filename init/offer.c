/* SPDX-License-Identifier: MIT */
/*
 * Services of children for init's parent: init is a server there, and its children do the work.
 *
 * What a client of the parent lends has come to init's own account when the request is fetched. QUOTA_SESSION_* of it stays
 * with init for what it keeps about the session, the rest goes on to the child; the parent takes all of it back when the
 * closing is answered.
 */
#include "init/session_list.h"

#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/parent_session.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

static struct signal requests;

static void answer(uint64_t id, enum parent_request_kind kind, enum status status, uint32_t slot)
{
    struct parent_request request = {.id = id, .kind = kind};

    (void)parent_request_deliver(&request, status, slot);
}

void session_answer_parent(struct session *session)
{
    bool failed = session->state == SESSION_FAILED;

    if (session->parent_answered)
        return; /* it has died since: the client sees that from its calls, and closes it */
    session->parent_answered = true;
    if (session->state == SESSION_OPEN)
        answer(session->parent_id, PARENT_REQUEST_CREATE, OK, session->slot);
    else
        answer(session->parent_id, PARENT_REQUEST_CREATE, failed ? session->status : ERR_PEER_GONE, CAP_NONE);
    if (failed)
        session_finish(session);
}

void session_closed_for_parent(const struct session *session)
{
    answer(session->parent_id, PARENT_REQUEST_CLOSE, OK, CAP_NONE);
}

static enum status make(const struct parent_request *request, struct session **out)
{
    struct route route;

    if (request->ram < QUOTA_SESSION_RAM)
        return ERR_NO_RAM;
    if (request->caps < QUOTA_SESSION_CAPS)
        return ERR_NO_CAPS;
    enum status status = route_find_offered(&init.config, request->service, request->label, &route);

    if (status != OK)
        return status;
    struct init_child *server = init_child_of(route.server_opt);
    struct session *session = server ? heap_alloc(sizeof(*session)) : NULL;

    if (!session)
        return ERR_NO_RAM;
    *session = (struct session){.target = SESSION_AT_CHILD,
                                .server_opt = server,
                                .parent_id = request->id,
                                .ram = request->ram - QUOTA_SESSION_RAM,
                                .caps = request->caps - QUOTA_SESSION_CAPS};
    memcpy(session->service, request->service, sizeof(session->service));
    memcpy(session->asked, request->label, sizeof(session->asked));
    memcpy(session->label, route.label, sizeof(session->label));
    memcpy(session->args, request->args, sizeof(session->args));
    *out = session;
    return OK;
}

static void create(const struct parent_request *request)
{
    struct session *session;
    enum status status = make(request, &session);

    if (status != OK) {
        answer(request->id, PARENT_REQUEST_CREATE, status, CAP_NONE);
        return;
    }
    session_append(session);
    if (init.config.verbose)
        log_info("the parent opens %s \"%s\" at child \"%s\"", session->service, session->asked,
                 session->server_opt->config->name);
    status = session_open_at_child(session);
    if (status != OK)
        session_fail(session, status);
}

static enum status enlarge(struct session *session, const struct parent_request *request)
{
    if (session->state != SESSION_OPEN)
        return ERR_PEER_GONE;
    if (session->upgrading)
        return ERR_BUSY;
    session->more_ram += request->ram;
    session->more_caps += request->caps;
    init_child_notify(session->server_opt, PARENT_NOTIFY_REQUESTS);
    return OK;
}

static struct session *find(uint64_t parent_id)
{
    struct session *session = session_first();

    while (session && (session->parent_id != parent_id || session->parent_closes))
        session = session->next;
    return session;
}

void session_offer(const struct parent_request *request)
{
    if (request->kind == PARENT_REQUEST_CREATE) {
        create(request);
        return;
    }
    struct session *session = find(request->id);

    if (session && request->kind == PARENT_REQUEST_CLOSE) {
        session->parent_closes = true;
        session_leave(session);
        return;
    }
    answer(request->id, request->kind, session ? enlarge(session, request) : ERR_NOT_FOUND, CAP_NONE);
}

static void requests_received(struct signal *signal)
{
    struct parent_request request;

    (void)signal;
    while (parent_request_next(&request) == OK)
        session_offer(&request);
}

static enum status watch(void)
{
    if (requests.slot != CAP_NONE)
        return OK;
    enum status status = signal_create(init.entrypoint, &requests, requests_received);

    return status == OK ? parent_set_notification(PARENT_NOTIFY_REQUESTS, requests.slot) : status;
}

/* Saying it again does no harm. */
void init_offers_apply(void)
{
    for (const struct config_route *route = init.config.services; route; route = route->next) {
        enum status status = watch();

        if (status == OK)
            status = parent_announce(route->service_opt);
        if (status != OK)
            config_complain(&init.report, route->node, "the parent does not take it: %s",
                            status_text(status));
    }
}
