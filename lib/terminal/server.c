/* SPDX-License-Identifier: MIT */
/* Server's half of TERMINAL sessions; see server.h. */
#include "lib/terminal/server.h"

#include "contract/terminal/dispatch.h"
#include "lib/base/cap.h"
#include "lib/base/heap.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/terminal/quota.h"

static struct terminal_server *server_of(struct service *service)
{
    return (struct terminal_server *)((char *)service - offsetof(struct terminal_server, service));
}

static void disconnect(struct terminal_session *session)
{
    if (!session->memory_opt)
        return;
    memory_detach(session->memory_opt);
    cap_free(session->client);
    session->memory_opt = NULL;
    session->client = CAP_NONE;
}

static void received(struct signal *signal)
{
    struct terminal_session *session =
        (struct terminal_session *)((char *)signal - offsetof(struct terminal_session, signal));

    session->server->changed(session);
}

/* ---- the contract's handlers ---- */

/* The most that the layout reaches, in whole pages. */
static uint64_t layout_size(const struct terminal_connect *layout)
{
    uint64_t output = (uint64_t)layout->output_offset + layout->output_size;
    uint64_t input = (uint64_t)layout->input_offset + layout->input_size;

    return page_round_up(output > input ? output : input);
}

/* Nothing of the session changes unless everything works. */
static enum status connect(void *opaque, const struct terminal_connect *in, uint32_t dataspace,
                           uint32_t notification, struct message_cap *server_notification)
{
    struct terminal_session *session = opaque;
    uint64_t size = layout_size(in), available;
    uint32_t client;
    struct stream stream;
    void *memory;
    enum status status = dataspace_size(dataspace, &available);

    if (status != OK)
        return status;
    if (size > available)
        return ERR_RANGE;
    status = cap_keep(notification, &client);
    if (status != OK)
        return status;
    status = memory_attach_at(dataspace, 0, size, PD_ANYWHERE, PD_READ | PD_WRITE, &memory);
    if (status != OK)
        goto free_client;
    status = stream_open(memory, size, in, STREAM_SERVER, &stream);
    if (status != OK)
        goto detach;
    disconnect(session);
    session->stream = stream;
    session->memory_opt = memory;
    session->client = client;
    *server_notification = (struct message_cap){session->signal.slot, RIGHT_NOTIFICATION_SIGNAL};
    session->server->changed(session);
    return OK;
detach:
    memory_detach(memory);
free_client:
    cap_free(client);
    return status;
}

static enum status size(void *opaque, struct terminal_size *out)
{
    (void)opaque;
    *out = (struct terminal_size){0, 0};
    return OK;
}

static enum status dispatch(struct service_session *base, struct dispatch *d)
{
    static const struct terminal_handlers handlers = {.connect = connect, .size = size};

    return terminal_dispatch(&handlers, base, d);
}

/* ---- the service's table ---- */

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    struct terminal_server *server = server_of(service);
    struct terminal_session *session;
    enum status status;

    if (request->ram < TERMINAL_SESSION_RAM)
        return ERR_NO_RAM;
    if (request->caps < TERMINAL_SESSION_CAPS)
        return ERR_NO_CAPS;
    session = heap_alloc(server->session_size);
    if (!session)
        return ERR_NO_RAM;
    session->server = server;
    status = signal_create(server->entrypoint, &session->signal, received);
    if (status != OK)
        goto free_session;
    if (server->opened_opt)
        status = server->opened_opt(session, request);
    if (status != OK)
        goto destroy_signal;
    *out = &session->base;
    return OK;
destroy_signal:
    signal_destroy(server->entrypoint, &session->signal);
free_session:
    heap_free(session);
    return status;
}

static void close(struct service *service, struct service_session *base)
{
    struct terminal_session *session = (struct terminal_session *)base;

    (void)service;
    if (session->server->closed_opt)
        session->server->closed_opt(session);
    disconnect(session);
    signal_destroy(session->server->entrypoint, &session->signal);
    heap_free(session);
}

enum status terminal_server_start(struct terminal_server *server, struct entrypoint *entrypoint)
{
    server->entrypoint = entrypoint;
    server->service = (struct service){
        .name = TERMINAL_SERVICE,
        .create = create,
        .close = close,
        .dispatch = dispatch,
    };
    return service_start(&server->service, entrypoint);
}

/* ---- streams ---- */

static enum status finish(struct terminal_session *session, enum status status, bool notify)
{
    if (notify)
        notification_signal(session->client);
    if (status == OK)
        return OK;
    /* Said to nobody: it is also how a client looks that has just died, and a log could be flooded by it. */
    disconnect(session);
    return ERR_PEER_GONE;
}

enum status terminal_session_write(struct terminal_session *session, const void *bytes, size_t length,
                                   size_t *taken)
{
    bool notify;
    enum status status;

    *taken = 0;
    if (!session->memory_opt)
        return ERR_PEER_GONE;
    status = stream_write(&session->stream, bytes, length, taken, &notify);
    return finish(session, status, notify);
}

enum status terminal_session_read(struct terminal_session *session, void *bytes, size_t capacity, size_t *got)
{
    bool notify;
    enum status status;

    *got = 0;
    if (!session->memory_opt)
        return ERR_PEER_GONE;
    status = stream_read(&session->stream, bytes, capacity, got, &notify);
    return finish(session, status, notify);
}
