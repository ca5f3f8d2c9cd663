/* SPDX-License-Identifier: MIT */
/*
 * The server's side of sessions: which request comes next, and what the answers do.
 */
#include "init/session_list.h"

#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/pd_session.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

/* ---- quota between init and the server ---- */

static enum status lend(const struct init_child *server, uint64_t ram, uint64_t caps)
{
    if (ram == 0 && caps == 0)
        return OK;
    return pd_transfer(ENV_SLOT_PD_SESSION, server->pd.slot, ram, (uint32_t)caps);
}

/* A server that has spent what it was lent takes it from its client: its name should be known. */
static bool take_back(struct init_child *server, uint64_t ram, uint64_t caps)
{
    if (ram == 0 && caps == 0)
        return true;
    enum status status = pd_transfer(server->pd.slot, ENV_SLOT_PD_SESSION, ram, (uint32_t)caps);

    if (status != OK)
        init_child_complain(server, "keeps %lluK and %llu capabilities of a client: %s",
                            (unsigned long long)(ram >> 10), (unsigned long long)caps, status_text(status));
    return status == OK;
}

static void take_back_all(struct session *session)
{
    if (!take_back(session->server_opt, session->ram, session->caps))
        session->ram = session->caps = 0;
}

/* ---- requests ---- */

static bool announced(const struct init_child *server, const char *service)
{
    unsigned index;

    return config_provides(server->config->provides, service, &index) && server->announced & 1u << index;
}

/* The request that the session's state asks for; false: none. */
static bool request_kind(const struct session *session, enum parent_request_kind *kind)
{
    if (session->state == SESSION_WAITING && announced(session->server_opt, session->service))
        *kind = PARENT_REQUEST_CREATE;
    else if (session->state == SESSION_ENDING)
        *kind = PARENT_REQUEST_CLOSE;
    else if (session->state == SESSION_OPEN && !session->upgrading &&
             (session->more_ram || session->more_caps))
        *kind = PARENT_REQUEST_UPGRADE;
    else
        return false;
    return true;
}

static enum status request_create(struct session *session, struct parent_request *out)
{
    enum status status = lend(session->server_opt, session->ram, session->caps);

    if (status != OK) {
        session_fail(session, status);
        return status;
    }
    session->state = SESSION_CREATING;
    out->ram = session->ram;
    out->caps = (uint32_t)session->caps;
    memcpy(out->service, session->service, sizeof(out->service));
    memcpy(out->label, session->label, sizeof(out->label));
    memcpy(out->args, session->args, sizeof(out->args));
    return OK;
}

static void drop_upgrade(struct session *session)
{
    session_repay(session->client_opt, session->more_ram, session->more_caps);
    session->more_ram = session->more_caps = 0;
    session->upgrading = false;
}

static enum status request_upgrade(struct session *session, struct parent_request *out)
{
    enum status status = lend(session->server_opt, session->more_ram, session->more_caps);

    if (status != OK) {
        drop_upgrade(session);
        return status;
    }
    session->upgrading = true;
    out->ram = session->more_ram;
    out->caps = (uint32_t)session->more_caps;
    return OK;
}

static enum status request_make(struct session *session, enum parent_request_kind kind,
                                struct parent_request *out)
{
    *out = (struct parent_request){.id = session->id, .kind = kind};
    switch (kind) {
    case PARENT_REQUEST_CREATE: return request_create(session, out);
    case PARENT_REQUEST_UPGRADE: return request_upgrade(session, out);
    case PARENT_REQUEST_CLOSE: session->state = SESSION_CLOSING; return OK;
    }
    return ERR_INVALID;
}

enum status session_request_next(const struct init_child *server, struct parent_request *out)
{
    enum parent_request_kind kind;

    for (struct session *session = session_first(), *next; session; session = next) {
        next = session->next;
        if (session->server_opt != server || !request_kind(session, &kind))
            continue;
        if (request_make(session, kind, out) == OK)
            return OK;
    }
    return ERR_NOT_FOUND;
}

/* ---- answers ---- */

static void end_by_server(struct session *session)
{
    session->state = SESSION_ENDING;
    init_child_notify(session->server_opt, PARENT_NOTIFY_REQUESTS);
}

/* Without a usable capability there is no session: it ends as if the client had closed it. */
static void created(struct session *session, uint32_t opened)
{
    session->abandoned |= cap_keep(opened, &session->slot) != OK;
    if (session->abandoned) {
        end_by_server(session);
        session_notify(session);
        return;
    }
    session->state = SESSION_OPEN;
    session_notify(session);
}

static void not_created(struct session *session, enum status status)
{
    take_back_all(session);
    if (session->abandoned)
        session_finish(session);
    else
        session_fail(session, status == ERR_AGAIN ? ERR_DENIED : status); /* AGAIN means: not yet */
}

static void upgraded(struct session *session, enum status status)
{
    if (status != OK) {
        if (!take_back(session->server_opt, session->more_ram, session->more_caps))
            session->more_ram = session->more_caps = 0;
        drop_upgrade(session);
        return;
    }
    session->ram += session->more_ram;
    session->caps += session->more_caps;
    session->more_ram = session->more_caps = 0;
    session->upgrading = false;
}

enum status session_request_answer(const struct init_child *server, const struct parent_deliver *in,
                                   uint32_t opened)
{
    struct session *session = session_first();

    while (session && (session->id != in->id || session->server_opt != server))
        session = session->next;
    if (!session)
        return ERR_NOT_FOUND;
    if (in->kind == PARENT_REQUEST_CREATE && session->state == SESSION_CREATING) {
        if (in->status == OK)
            created(session, opened);
        else
            not_created(session, in->status);
        return OK;
    }
    if (in->kind == PARENT_REQUEST_UPGRADE && session->upgrading) {
        upgraded(session, in->status);
        return OK;
    }
    if (in->kind == PARENT_REQUEST_CLOSE && session->state == SESSION_CLOSING) {
        if (session->upgrading)
            upgraded(session, OK);
        take_back_all(session);
        session_finish(session);
        return OK;
    }
    return ERR_INVALID;
}

static void pay(uint64_t *ram, uint64_t *caps, struct parent_returned *returned)
{
    if (*ram > returned->ram)
        *ram = returned->ram;
    if (*caps > returned->caps)
        *caps = returned->caps;
    returned->ram -= *ram;
    returned->caps -= (uint32_t)*caps;
}

/* What the server had not finished creating can wait for its next life, if all is there that the client lent. */
static bool can_wait(struct session *session, struct parent_returned *returned)
{
    uint64_t ram = session->ram, caps = session->caps;

    if (session->state == SESSION_WAITING)
        return true;
    pay(&session->ram, &session->caps, returned);
    if (session->state != SESSION_CREATING || session->abandoned || session->ram != ram ||
        session->caps != caps)
        return false;
    session->state = SESSION_WAITING;
    return true;
}

void session_server_ended(const struct init_child *server, struct parent_returned returned, bool returns)
{
    for (struct session *session = session_first(), *next; session; session = next) {
        next = session->next;
        if (session->server_opt != server || (can_wait(session, &returned) && returns))
            continue;
        if (session->upgrading)
            pay(&session->more_ram, &session->more_caps, &returned);
        if (session->abandoned || session->state == SESSION_ENDING || session->state == SESSION_CLOSING)
            session_finish(session);
        else
            session_fail(session, ERR_PEER_GONE);
    }
}
