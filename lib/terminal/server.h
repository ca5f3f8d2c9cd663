/* SPDX-License-Identifier: MIT */
/*
 * The TERMINAL service as a server uses it: sessions with two byte streams, and three callbacks.
 *
 *     struct console { struct terminal_session terminal; ... };
 *
 *     static struct terminal_server server = {.session_size = sizeof(struct console), .changed = changed};
 *     terminal_server_start(&server, &env->entrypoint);
 *
 * Protocol: as with the client, read and write never wait; a short read or write means that `changed` will be called.
 * The library allocates a zeroed object of session_size bytes for each session, and calls `opened` (may refuse), then
 * `changed` when the client has connected its memory and whenever it asks for attention, and `closed` before the object
 * is freed.
 *
 * Clients are hostile: what they send is checked against the memory that they lend, and a client that breaks its rings
 * is disconnected (reads and writes return ERR_PEER_GONE) until it connects anew. Nobody else notices.
 */
#ifndef LIB_TERMINAL_SERVER_H
#define LIB_TERMINAL_SERVER_H

#include "lib/base/entrypoint.h"
#include "lib/base/service.h"
#include "lib/base/status.h"
#include "lib/terminal/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct terminal_server;

struct terminal_session {
    struct service_session base;
    struct terminal_server *server;
    struct signal signal;
    struct stream stream;
    void *memory_opt; /* the client's, while it is connected */
    uint32_t client;  /* notification of the client, while it is connected */
};

struct terminal_server {
    size_t session_size; /* of the server's own object, a struct terminal_session first */

    enum status (*opened_opt)(struct terminal_session *session, const struct parent_request *request);
    void (*changed)(struct terminal_session *session);
    void (*closed_opt)(struct terminal_session *session);

    /* private */
    struct service service;
    struct entrypoint *entrypoint;
};

/* `server` must stay where it is. */
[[nodiscard]] enum status terminal_server_start(struct terminal_server *server,
                                                struct entrypoint *entrypoint);

static inline bool terminal_session_connected(const struct terminal_session *session)
{
    return session->memory_opt != NULL;
}

/* ERR_PEER_GONE: not connected, not any more, or not yet. */
[[nodiscard]] enum status terminal_session_write(struct terminal_session *session, const void *bytes,
                                                 size_t length, size_t *taken);
[[nodiscard]] enum status terminal_session_read(struct terminal_session *session, void *bytes, size_t size,
                                                size_t *got);

#endif
