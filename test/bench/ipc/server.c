/* SPDX-License-Identifier: MIT */
/* The server of the IPC benchmark: one service, whose sessions hand out two portals and a notification (wire.h). */
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/service.h"
#include "test/bench/ipc/handler.h"
#include "test/bench/ipc/wire.h"

static struct handler echo, taker;
static struct reflector reflector;

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    struct service_session *session = heap_alloc(sizeof(*session));

    (void)service;
    (void)request;
    if (!session)
        return ERR_NO_RAM;
    *out = session;
    return OK;
}

static void close(struct service *service, struct service_session *session)
{
    (void)service;
    heap_free(session);
}

/* For the first client that asks. */
static enum status reflect(struct dispatch *d)
{
    uint32_t peer;
    enum status status;

    if (d->cap_count != 1)
        return ERR_INVALID;
    if (reflector.thread)
        return ERR_BUSY;
    status = cap_keep(dispatch_cap(d, 0), &peer);
    if (status == OK)
        status = reflector_start(&reflector, peer);
    if (status == OK)
        dispatch_reply_cap(d, (struct message_cap){reflector.own, RIGHT_NOTIFICATION_SIGNAL});
    return status;
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    (void)session;
    if (d->opcode == BENCH_REFLECTOR)
        return reflect(d);
    if (d->opcode != BENCH_ECHO && d->opcode != BENCH_TAKER)
        return ERR_UNSUPPORTED;
    const struct handler *handler = d->opcode == BENCH_ECHO ? &echo : &taker;

    dispatch_reply_cap(d, (struct message_cap){handler->portal.slot, RIGHT_PORTAL_CALL});
    return OK;
}

static struct service service = {
    .name = BENCH_SERVICE, .create = create, .close = close, .dispatch = dispatch};

int component_main(struct env *environment)
{
    enum status status = handler_start_echo(&echo);

    if (status == OK)
        status = handler_start_taker(&taker);
    if (status == OK)
        status = service_start(&service, &environment->entrypoint);
    if (status != OK) {
        log_error("FAIL start: status %u", status);
        return 1;
    }
    entrypoint_run(&environment->entrypoint);
    return 0;
}
