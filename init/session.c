/* SPDX-License-Identifier: MIT */
/* The client's side of sessions, see session.h; the server's is in session_server.c. */
#include "init/session.h"

#include "init/difference.h"
#include "init/session_list.h"

#include "contract/vm/wire.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/parent_session.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

static struct session *sessions;
static uint64_t last_id;

/* ---- the list ---- */

struct session *session_first(void)
{
    return sessions;
}

void session_append(struct session *session)
{
    struct session **link = &sessions;

    while (*link)
        link = &(*link)->next;
    *link = session;
    session->id = ++last_id;
}

struct quota session_held(void)
{
    struct quota held = {0, 0};

    for (const struct session *session = sessions; session; session = session->next) {
        bool here = session->state == SESSION_WAITING || session->state == SESSION_FAILED;

        held.ram += (here ? session->ram : 0) + (session->upgrading ? 0 : session->more_ram);
        held.caps += (here ? session->caps : 0) + (session->upgrading ? 0 : session->more_caps);
    }
    return held;
}

static void unlink_and_free(struct session *session)
{
    struct session **link = &sessions;

    while (*link != session)
        link = &(*link)->next;
    *link = session->next;
    heap_free(session);
}

static struct session *find_any(const struct init_child *client, uint64_t id)
{
    struct session *session = sessions;

    while (session && (session->id != id || session->client_opt != client))
        session = session->next;
    return session;
}

static bool closed(const struct session *session)
{
    return session->abandoned || session->state == SESSION_ENDING || session->state == SESSION_CLOSING;
}

/* Closed, and the server, which may have the client's memory, has not let go of it. Of what was abandoned the client has had nothing. */
static bool lingers(const struct session *session)
{
    return closed(session) && !session->abandoned;
}

/* What a client may name: not what it has closed. */
static struct session *find(const struct init_child *client, uint64_t id)
{
    struct session *session = find_any(client, id);

    return session && !closed(session) ? session : NULL;
}

/* ---- quota ---- */

static enum status collect(struct init_child *client, uint64_t ram, uint64_t caps)
{
    if (ram == 0 && caps == 0)
        return OK;
    return pd_transfer(client->pd.slot, ENV_SLOT_PD_SESSION, ram, (uint32_t)caps);
}

void session_repay(struct init_child *client_opt, uint64_t ram, uint64_t caps)
{
    if (!client_opt || client_opt->state != CHILD_RUNNING || (ram == 0 && caps == 0))
        return;
    enum status status = pd_transfer(ENV_SLOT_PD_SESSION, client_opt->pd.slot, ram, (uint32_t)caps);

    if (status != OK)
        init_child_complain(client_opt, "does not get its quota of a closed session back: %s",
                            status_text(status));
}

/* ---- ends ---- */

void session_notify(struct session *session)
{
    if (session->client_opt)
        init_child_notify(session->client_opt, session->notify);
    else if (session->parent_id)
        session_answer_parent(session);
}

void session_fail(struct session *session, enum status status)
{
    session->state = SESSION_FAILED;
    session->status = status;
    session->server_opt = NULL;
    cap_free(session->slot);
    session->slot = CAP_NONE;
    session_notify(session);
}

/* The client gets what came back, not what it lent: a PD session's quota may have been moved elsewhere. */
static void take_returned(struct session *session)
{
    session->ram = session->upstream.returned.ram;
    session->caps = session->upstream.returned.caps;
}

/* True: a server beyond the parent has not let go yet. */
static bool leave_upstream(struct session *session)
{
    if (!session->upstream.id)
        return false;
    bool waits = upstream_leave(&session->upstream);

    take_returned(session);
    if (waits)
        session->state = SESSION_CLOSING;
    return waits;
}

void session_finish(struct session *session)
{
    struct init_child *waiting_opt = lingers(session) ? session->client_opt : NULL;
    uint32_t place = session->notify;

    cap_free(session->slot);
    if (session->parent_closes)
        session_closed_for_parent(session);
    session_repay(session->client_opt, session->ram + session->more_ram + QUOTA_SESSION_RAM,
                  session->caps + session->more_caps + QUOTA_SESSION_CAPS);
    unlink_and_free(session);
    if (waiting_opt)
        init_child_let_go(waiting_opt, place);
}

/* ---- opening ---- */

static void upstream_done(struct upstream *upstream, enum status status)
{
    struct session *session = (struct session *)((char *)upstream - offsetof(struct session, upstream));

    if (session->state == SESSION_CLOSING) {
        session_finish(session);
        return;
    }
    if (status != OK) {
        take_returned(session);
        session_fail(session, status);
        return;
    }
    session->state = SESSION_OPEN;
    session_notify(session);
}

/*
 * What runs on a child's behalf runs with its priority at most, in turns as long as its own at most, and on its CPUs. The
 * first one of two arguments counts, so these go before the child's own.
 */
static enum status limit_time(const struct session *session, char *args, size_t size)
{
    uint64_t priority = init_child_priority(session->client_opt), wanted;
    uint64_t slice = session->client_opt->config->slice_us;
    struct cpu_range cpus = affinity_narrow(session->client_opt->cpus, session->args);

    if (session_arg_number(session->args, "priority", &wanted) == OK && wanted < priority)
        priority = wanted;
    if (session_arg_number(session->args, "slice", &wanted) == OK && wanted < slice)
        slice = wanted;
    return fmt_format(args, size, "priority=%llu, cpu=%u, cpus=%u, slice=%llu%s%s",
                      (unsigned long long)priority, cpus.first, cpus.count, (unsigned long long)slice,
                      session->args[0] ? ", " : "", session->args) < size
               ? OK
               : ERR_OVERFLOW;
}

static bool makes_threads(const struct session *session)
{
    return strcmp(session->service, PD_SERVICE) == 0 || strcmp(session->service, VM_SERVICE) == 0;
}

static enum status open_at_parent(struct session *session)
{
    struct parent_session_open request = {.ram = session->ram, .caps = (uint32_t)session->caps};
    enum status status = OK;

    memcpy(request.service, session->service, sizeof(request.service));
    memcpy(request.label, session->label, sizeof(request.label));
    memcpy(request.args, session->args, sizeof(request.args));
    if (makes_threads(session))
        status = limit_time(session, request.args, sizeof(request.args));
    if (status != OK)
        return status;
    session->state = SESSION_OPENING;
    return upstream_open(&session->upstream, &request, upstream_done);
}

enum status session_open_at_child(struct session *session)
{
    if (session->server_opt->state == CHILD_ENDED)
        return ERR_PEER_GONE;
    session->state = SESSION_WAITING;
    init_child_notify(session->server_opt, PARENT_NOTIFY_REQUESTS);
    return OK;
}

static enum status open_by_target(struct session *session)
{
    switch (session->target) {
    case SESSION_AT_PARENT: return open_at_parent(session);
    case SESSION_AT_CHILD: return session_open_at_child(session);
    case SESSION_CONFIG: session->state = SESSION_OPEN; return OK;
    }
    return ERR_INVALID;
}

static bool is_config(const struct init_child *client, const struct parent_session_open *in)
{
    return strcmp(in->service, "ROM") == 0 && strcmp(in->label, "config") == 0 &&
           !client->config->config_file_opt && !route_overrides_config(&init.config, client->config);
}

static const char *refusal(enum status status)
{
    if (status == ERR_DENIED)
        return "no route";
    if (status == ERR_EXISTS)
        return "several children provide it";
    if (status == ERR_OVERFLOW)
        return "the label is too long";
    return status_text(status);
}

/* The label by which the request is routed. */
static const char *routed_label(const struct config_child *client, const char *service, const char *label)
{
    if (client->config_file_opt && strcmp(service, "ROM") == 0 && strcmp(label, "config") == 0)
        return client->config_file_opt;
    return label;
}

static enum status decide(struct session *session, const struct parent_session_open *in)
{
    struct init_child *client = session->client_opt;
    struct route route = {0};

    if (is_config(client, in)) {
        session->target = SESSION_CONFIG;
        return OK;
    }
    enum status status = route_find(&init.config, client->config, in->service,
                                    routed_label(client->config, in->service, in->label), &route);

    if (status != OK) {
        init_child_complain(client, "is refused %s \"%s\": %s", in->service, in->label, refusal(status));
        return ERR_DENIED;
    }
    session->target = route.server_opt ? SESSION_AT_CHILD : SESSION_AT_PARENT;
    session->server_opt = route.server_opt ? init_child_of(route.server_opt) : NULL;
    if (route.server_opt && !session->server_opt)
        return ERR_NO_RAM;
    memcpy(session->label, route.label, sizeof(session->label));
    return OK;
}

static bool moves(const struct session *session, const struct config *after,
                  const struct config_child *client_after)
{
    struct route route;

    if (session->state == SESSION_FAILED)
        return false;
    if (session->target == SESSION_CONFIG)
        return route_overrides_config(after, client_after);
    if (session->server_opt && !difference_counterpart(after, session->server_opt->config->name))
        return false; /* it ends, and the client sees that */
    if (route_find(after, client_after, session->service,
                   routed_label(client_after, session->service, session->asked), &route) != OK)
        return true;
    if (strcmp(route.label, session->label) != 0 || !route.server_opt != !session->server_opt)
        return true;
    return route.server_opt && strcmp(route.server_opt->name, session->server_opt->config->name) != 0;
}

bool session_would_move(const struct init_child *client, const struct config *after,
                        const struct config_child *client_after)
{
    for (const struct session *session = sessions; session; session = session->next)
        if (session->client_opt == client && moves(session, after, client_after))
            return true;
    return false;
}

static void announce_route(const struct session *session)
{
    const char *server = session->target == SESSION_AT_PARENT ? "parent" : "init";

    if (!init.config.verbose)
        return;
    if (session->server_opt)
        log_info("child \"%s\" opens %s \"%s\" at child \"%s\"", session->client_opt->config->name,
                 session->service, session->asked, session->server_opt->config->name);
    else
        log_info("child \"%s\" opens %s \"%s\" at %s", session->client_opt->config->name, session->service,
                 session->asked, server);
}

/* The note about a session, with the decision where it goes; not in the list yet. */
static enum status make(struct init_child *client, const struct parent_session_open *in, struct session **out)
{
    struct session *session = heap_alloc(sizeof(*session));

    if (!session)
        return ERR_NO_RAM;
    *session = (struct session){
        .client_opt = client, .notify = in->notify, .ram = page_round_up(in->ram), .caps = in->caps};
    memcpy(session->service, in->service, sizeof(session->service));
    memcpy(session->asked, in->label, sizeof(session->asked));
    memcpy(session->args, in->args, sizeof(session->args));
    enum status status = decide(session, in);

    if (status != OK) {
        heap_free(session);
        return status;
    }
    *out = session;
    return OK;
}

enum status session_request(struct init_child *client, const struct parent_session_open *in, uint64_t *id)
{
    struct session *session;

    if (in->ram > UINT64_MAX / 4 || in->caps > UINT32_MAX / 4)
        return ERR_RANGE;
    enum status status =
        collect(client, page_round_up(in->ram) + QUOTA_SESSION_RAM, (uint64_t)in->caps + QUOTA_SESSION_CAPS);

    if (status != OK) {
        init_child_complain(client, "cannot pay for %s \"%s\": %s", in->service, in->label,
                            status_text(status));
        return status;
    }
    status = make(client, in, &session);
    if (status != OK) {
        session_repay(client, page_round_up(in->ram) + QUOTA_SESSION_RAM,
                      (uint64_t)in->caps + QUOTA_SESSION_CAPS);
        return status;
    }
    session_append(session);
    *id = session->id;
    announce_route(session);
    status = open_by_target(session);
    if (status != OK)
        session_finish(session);
    return status;
}

/* ---- the rest of a session's life ---- */

enum status session_fetch(struct init_child *client, uint64_t id, uint32_t *slot)
{
    const struct session *session = find_any(client, id);

    if (!session || closed(session))
        return session && lingers(session) ? ERR_BUSY : ERR_NOT_FOUND;
    if (session->state == SESSION_FAILED)
        return session->status;
    if (session->state != SESSION_OPEN)
        return ERR_AGAIN;
    switch (session->target) {
    case SESSION_AT_PARENT: *slot = session->upstream.slot; return OK;
    case SESSION_AT_CHILD: *slot = session->slot; return OK;
    case SESSION_CONFIG: *slot = client->config_rom.slot; return OK;
    }
    return ERR_NOT_FOUND;
}

/* The quota is init's already. */
static enum status enlarge_by_target(struct session *session, uint64_t ram, uint32_t caps)
{
    if (session->target == SESSION_AT_PARENT) {
        if (session->state == SESSION_FAILED)
            return session->status;
        enum status status = parent_session_upgrade(session->upstream.id, ram, caps);

        if (status != OK)
            return status;
    }
    bool ask = session->target == SESSION_AT_CHILD && session->state != SESSION_WAITING;

    if (ask && session->state == SESSION_FAILED)
        return session->status;
    if (ask && session->upgrading)
        return ERR_BUSY;
    *(ask ? &session->more_ram : &session->ram) += ram;
    *(ask ? &session->more_caps : &session->caps) += caps;
    if (ask && session->state == SESSION_OPEN)
        init_child_notify(session->server_opt, PARENT_NOTIFY_REQUESTS);
    return OK;
}

enum status session_enlarge(struct init_child *client, const struct parent_session_upgrade *in)
{
    struct session *session = find(client, in->id);
    uint64_t ram = page_round_up(in->ram);

    if (!session)
        return ERR_NOT_FOUND;
    if (in->ram > UINT64_MAX / 4 || in->caps > UINT32_MAX / 4 ||
        session->caps + session->more_caps > UINT32_MAX / 4)
        return ERR_RANGE;
    enum status status = collect(client, ram, in->caps);

    if (status != OK)
        return status;
    status = enlarge_by_target(session, ram, in->caps);
    if (status != OK)
        session_repay(client, ram, in->caps);
    return status;
}

void session_leave(struct session *session)
{
    if (leave_upstream(session))
        return;
    if (session->target != SESSION_AT_CHILD || session->state == SESSION_WAITING ||
        session->state == SESSION_FAILED) {
        session_finish(session);
        return;
    }
    if (session->state == SESSION_CREATING) {
        session->abandoned = true;
        return;
    }
    if (session->state == SESSION_OPEN) {
        session->state = SESSION_ENDING;
        init_child_notify(session->server_opt, PARENT_NOTIFY_REQUESTS);
    }
}

enum status session_end(struct init_child *client, uint64_t id, struct parent_returned *out)
{
    struct session *session = find(client, id);

    if (!session)
        return ERR_NOT_FOUND;
    (void)leave_upstream(session);
    *out = (struct parent_returned){.ram = session->ram + session->more_ram,
                                    .caps = (uint32_t)(session->caps + session->more_caps)};
    session_leave(session);
    return OK;
}

/* ---- the end of a client ---- */

/* A domain that the client has made, with memory that others may know. */
static bool is_domain(const struct session *session)
{
    return session->target == SESSION_AT_PARENT && session->state == SESSION_OPEN &&
           strcmp(session->service, PD_SERVICE) == 0;
}

void session_client_leaves(const struct init_child *client)
{
    for (const struct session *session = sessions; session; session = session->next)
        if (session->client_opt == client && is_domain(session))
            (void)pd_thread_destroy(session->upstream.slot, PD_THREAD_ALL);
    for (struct session *session = sessions, *next; session; session = next) {
        next = session->next;
        if (session->client_opt == client && !is_domain(session))
            session_leave(session);
    }
}

/* Each child is looked at once a round: of two that are each other's clients none waits for the other. */
static const struct session *holder(struct init_child *client, uint64_t round)
{
    const struct session *found_opt = NULL;

    client->looked_at = round;
    for (const struct session *session = sessions; session && !found_opt; session = session->next) {
        struct init_child *server_opt = session->server_opt;

        if (session->client_opt != client || !lingers(session))
            continue;
        if (!server_opt || server_opt->state != CHILD_LEAVING)
            found_opt = session;
        else if (server_opt->looked_at != round)
            found_opt = holder(server_opt, round);
    }
    return found_opt;
}

const char *session_client_held(struct init_child *client)
{
    static uint64_t round;
    const struct session *session = holder(client, ++round);

    if (!session)
        return NULL;
    return session->server_opt ? session->server_opt->config->name : session->service;
}

void session_client_ended(const struct init_child *client)
{
    for (struct session *session = sessions, *next; session; session = next) {
        next = session->next;
        if (session->client_opt != client)
            continue;
        session->client_opt = NULL;
        session_leave(session);
    }
}
