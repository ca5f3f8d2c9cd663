/* SPDX-License-Identifier: MIT */
/*
 * The library's half of a server: the parent's requests become calls of the service's functions.
 *
 * Sessions are kept in a list per service; the parent's id, unique among all services of the component, finds them.
 */
#include "lib/base/service.h"

#include "lib/base/cap.h"
#include "lib/base/parent_session.h"
#include "lib/string/string.h"

static struct service *services;
static struct signal requests; /* the parent: there is a request */

static enum status session_dispatch(struct portal *portal, struct dispatch *d)
{
    struct service_session *session = (struct service_session *)portal;

    return session->service->dispatch(session, d);
}

_Static_assert(offsetof(struct service_session, portal) == 0, "a session is found by its portal");

/* The link that points to the session with this id; NULL if there is none. */
static struct service_session **session_find(uint64_t id)
{
    for (struct service *service = services; service; service = service->next)
        for (struct service_session **link = &service->sessions; *link; link = &(*link)->next)
            if ((*link)->id == id)
                return link;
    return NULL;
}

static struct service *service_find(const char *name)
{
    struct service *service = services;

    while (service && strcmp(service->name, name) != 0)
        service = service->next;
    return service;
}

static enum status session_create(const struct parent_request *request, uint32_t *slot)
{
    struct service *service = service_find(request->service);
    struct service_session *session;

    if (!service)
        return ERR_NOT_FOUND;
    if (session_find(request->id))
        return ERR_EXISTS;
    enum status status = service->create(service, request, &session);

    if (status != OK)
        return status;
    session->portal.dispatch = session_dispatch;
    session->portal.raw = NULL;
    session->service = service;
    session->id = request->id;
    session->ram = request->ram;
    session->caps = request->caps;
    (void)string_copy(session->label, sizeof(session->label), request->label);
    session->portal.slot = CAP_NONE;
    if (service->mediate)
        status = service->mediate(service, session, slot);
    else
        status = portal_create(service->entrypoint, &session->portal);
    if (status != OK) {
        service->close(service, session);
        return status;
    }
    session->next = service->sessions;
    service->sessions = session;
    if (!service->mediate)
        *slot = session->portal.slot;
    return OK;
}

static enum status session_enlarge(const struct parent_request *request)
{
    struct service_session **link = session_find(request->id);

    if (!link)
        return ERR_NOT_FOUND;
    struct service_session *session = *link;

    session->ram += request->ram;
    session->caps += request->caps;
    return session->service->upgrade ? session->service->upgrade(session->service, session) : OK;
}

static void request_answer(uint64_t id, enum parent_request_kind kind, enum status status, uint32_t slot)
{
    const struct parent_request request = {.id = id, .kind = kind};

    /* If the parent no longer wants the session, it asks for its end by a request of its own. */
    (void)parent_request_deliver(&request, status, slot);
}

void service_session_drained(struct service_session *session)
{
    uint64_t id = session->id;

    session->service->close(session->service, session);
    request_answer(id, PARENT_REQUEST_CLOSE, OK, CAP_NONE);
}

/* ERR_AGAIN: it will be answered later. */
static enum status session_end(const struct parent_request *request)
{
    struct service_session **link = session_find(request->id);

    if (!link)
        return ERR_NOT_FOUND;
    struct service_session *session = *link;

    *link = session->next;
    if (session->portal.slot != CAP_NONE)
        portal_destroy(&session->portal);
    if (session->service->drain && !session->service->drain(session->service, session))
        return ERR_AGAIN;
    session->service->close(session->service, session);
    return OK;
}

static void request_serve(const struct parent_request *request)
{
    uint32_t slot = CAP_NONE;
    enum status status = ERR_UNSUPPORTED;

    if (request->kind == PARENT_REQUEST_CREATE)
        status = session_create(request, &slot);
    else if (request->kind == PARENT_REQUEST_UPGRADE)
        status = session_enlarge(request);
    else if (request->kind == PARENT_REQUEST_CLOSE)
        status = session_end(request);
    if (request->kind != PARENT_REQUEST_CLOSE || status != ERR_AGAIN)
        request_answer(request->id, request->kind, status, slot);
}

static void requests_serve(struct signal *signal)
{
    struct parent_request request;

    (void)signal;
    while (parent_request_next(&request) == OK)
        request_serve(&request);
}

static enum status requests_start(struct entrypoint *entrypoint)
{
    enum status status = signal_create(entrypoint, &requests, requests_serve);

    if (status != OK)
        return status;
    status = parent_set_notification(PARENT_NOTIFY_REQUESTS, requests.slot);
    if (status != OK)
        signal_destroy(entrypoint, &requests);
    return status;
}

enum status service_start(struct service *service, struct entrypoint *entrypoint)
{
    if (requests.slot == CAP_NONE) {
        enum status status = requests_start(entrypoint);

        if (status != OK)
            return status;
    }
    service->entrypoint = entrypoint;
    service->sessions = NULL;
    service->next = services;
    services = service;

    enum status status = parent_announce(service->name);

    if (status != OK)
        services = service->next;
    return status;
}
