/* SPDX-License-Identifier: MIT */
/*
 * A server is a table of functions and a library loop.
 *
 *     struct log_session { struct service_session base; ... };
 *
 *     static struct service service = {.name = "LOG", .create = create, .dispatch = dispatch, .close = close};
 *     service_start(&service, &env->entrypoint);
 *     entrypoint_run(&env->entrypoint);
 *
 * The library announces the service, fetches the parent's requests, creates a portal for each session and delivers it.
 * `dispatch` calls the contract's dispatch function with the table of handlers. A service that only decides who gets what
 * from somebody else has `mediate` in its place.
 */
#ifndef LIB_BASE_SERVICE_H
#define LIB_BASE_SERVICE_H

#include "contract/parent/wire.h"
#include "lib/base/entrypoint.h"
#include "lib/base/status.h"

#include <stdint.h>

struct service;

/* Embedded at the beginning of the server's own session object. */
struct service_session {
    struct portal portal;
    struct service *service;
    struct service_session *next;
    uint64_t id;
    uint64_t ram; /* lent by the client, with upgrades */
    uint32_t caps;
    char label[PARENT_LABEL_MAX];
};

struct service {
    const char *name;

    /* Makes the server's object; the library fills the struct service_session at its beginning. */
    enum status (*create)(struct service *service, const struct parent_request *request,
                          struct service_session **out);
    /* Optional: instead of a portal of this component, the client gets the capability at *slot, which stays the session's:
       one that was obtained elsewhere (mediation). What goes through it passes this component by. */
    enum status (*mediate)(struct service *service, struct service_session *session, uint32_t *slot);
    /* Optional: more quota has been added to session->ram and session->caps. */
    enum status (*upgrade)(struct service *service, struct service_session *session);
    /* Optional: the session is over and its portal gone, but something may still be under way for it, e.g. in a device. False:
       `close` shall wait until service_session_drained(); until then its quota stays with this component. */
    bool (*drain)(struct service *service, struct service_session *session);
    /* Frees the object; its portal is gone already. */
    void (*close)(struct service *service, struct service_session *session);

    /* Not for services that mediate. */
    enum status (*dispatch)(struct service_session *session, struct dispatch *d);

    /* private */
    struct entrypoint *entrypoint;
    struct service_session *sessions;
    struct service *next;
};

/* Announces. All services of a component are served by the same entry point. */
[[nodiscard]] enum status service_start(struct service *service, struct entrypoint *entrypoint);

/* After `drain` said false: calls `close` and tells the parent. */
void service_session_drained(struct service_session *session);

#endif
