/* SPDX-License-Identifier: MIT */
/*
 * TIMER server: each session has one alarm and one notification. The kernel's absolute waits are the clock: the entry
 * point sleeps until the earliest timeout.
 */
#include "contract/timer/dispatch.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/service.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"
#include "server/timer/alarm.h"

struct timer_session {
    struct service_session base;
    struct alarm alarm;
    struct timeout timeout;
    uint32_t notification;
};

static uint64_t now_ns(void)
{
    return time_to_ns(time_now());
}

/* Ticks are rounded down, so one more is added: never ring before the deadline. */
static uint64_t ticks_of(uint64_t ns)
{
    uint64_t ticks = time_to_ticks(ns);

    return ticks < TIME_NEVER - 1 ? ticks + 1 : TIME_NEVER;
}

static void arm(struct timer_session *session)
{
    struct entrypoint *entrypoint = session->base.service->entrypoint;

    if (session->alarm.set)
        entrypoint_timeout_set(entrypoint, &session->timeout, ticks_of(session->alarm.deadline));
    else
        entrypoint_timeout_cancel(entrypoint, &session->timeout);
}

static void expired(struct timeout *timeout)
{
    struct timer_session *session =
        (struct timer_session *)((char *)timeout - offsetof(struct timer_session, timeout));

    if (alarm_ring(&session->alarm, now_ns()) && session->notification != CAP_NONE)
        notification_signal(session->notification);
    arm(session);
}

/* ---- the contract's handlers ---- */

static enum status now(void *session, struct timer_now *out)
{
    (void)session;
    out->ns = now_ns();
    return OK;
}

static enum status set_notification(void *opaque, uint32_t notification)
{
    struct timer_session *session = opaque;
    uint32_t kept;
    enum status status = cap_keep(notification, &kept);

    if (status != OK)
        return status;
    cap_free(session->notification);
    session->notification = kept;
    return OK;
}

static enum status one_shot(void *opaque, const struct timer_one_shot *in)
{
    struct timer_session *session = opaque;

    alarm_set(&session->alarm, in->deadline_ns, 0);
    arm(session);
    return OK;
}

static enum status periodic(void *opaque, const struct timer_periodic *in)
{
    struct timer_session *session = opaque;

    alarm_set(&session->alarm, in->first_ns, in->period_ns);
    arm(session);
    return OK;
}

static enum status cancel(void *opaque)
{
    struct timer_session *session = opaque;

    alarm_cancel(&session->alarm);
    arm(session);
    return OK;
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct timer_handlers handlers = {
        .now = now,
        .set_notification = set_notification,
        .one_shot = one_shot,
        .periodic = periodic,
        .cancel = cancel,
    };

    return timer_dispatch(&handlers, session, d);
}

/* ---- the service's table ---- */

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    struct timer_session *session;

    (void)service;
    if (request->ram < sizeof(*session))
        return ERR_NO_RAM;
    if (request->caps < 2)
        return ERR_NO_CAPS;
    session = heap_alloc(sizeof(*session));
    if (!session)
        return ERR_NO_RAM;
    session->timeout.expired = expired;
    *out = &session->base;
    return OK;
}

static void close(struct service *service, struct service_session *base)
{
    struct timer_session *session = (struct timer_session *)base;

    entrypoint_timeout_cancel(service->entrypoint, &session->timeout);
    cap_free(session->notification);
    heap_free(session);
}

int component_main(struct env *environment)
{
    static struct service service = {
        .name = TIMER_SERVICE, .create = create, .dispatch = dispatch, .close = close};
    enum status status = service_start(&service, &environment->entrypoint);

    if (status != OK) {
        log_error("cannot announce TIMER: %s", status_text(status));
        return 1;
    }
    entrypoint_run(&environment->entrypoint);
    return 0;
}
