/* SPDX-License-Identifier: MIT */
/*
 * The server loop and the blocking client, with a parent of the test's own in the slot of the real one: one thread is the
 * parent, the main thread the server, a third one the client. No case may log before the real parent is back, so what
 * goes wrong is kept as a line number.
 */
#include "test/base/base_test.h"

#include "contract/log/client.h"
#include "contract/log/dispatch.h"
#include "contract/parent/dispatch.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/kernel.h"
#include "lib/base/notification.h"
#include "lib/base/service.h"
#include "lib/base/session.h"
#include "lib/base/session_watch.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/string/string.h"

#define SESSION_ID 5

static unsigned bad_line; /* the first check that failed */

#define EXPECT(condition)              \
    do {                               \
        if (!(condition) && !bad_line) \
            bad_line = __LINE__;       \
    } while (0)

/* ---- the parent: one session, one request at a time ---- */

static struct entrypoint parent_entrypoint;
static struct parent_session_open wanted;
static struct parent_request request; /* kind 0: none waits */
static uint32_t places[PARENT_NOTIFICATIONS];
static uint32_t opened; /* the delivered session */
static enum status open_status = ERR_AGAIN;
static bool announced;

static void request_make(enum parent_request_kind kind)
{
    request = (struct parent_request){.id = SESSION_ID, .kind = kind, .ram = wanted.ram, .caps = wanted.caps};
    memcpy(request.service, wanted.service, sizeof(request.service));
    memcpy(request.args, wanted.args, sizeof(request.args));
    (void)string_copy(request.label, sizeof(request.label), "client");
    notification_signal(places[PARENT_NOTIFY_REQUESTS]);
}

static enum status on_open(void *session, const struct parent_session_open *in, struct parent_session_id *out)
{
    (void)session;
    wanted = *in;
    out->id = SESSION_ID;
    open_status = ERR_AGAIN;
    request_make(PARENT_REQUEST_CREATE);
    return OK;
}

static enum status on_get(void *session, uint64_t id, struct message_cap *given)
{
    (void)session;
    *given = (struct message_cap){opened, RIGHT_PORTAL_CALL};
    return id == SESSION_ID ? open_status : ERR_NOT_FOUND;
}

static enum status on_upgrade(void *session, const struct parent_session_upgrade *in)
{
    (void)session;
    wanted.ram = in->ram;
    wanted.caps = in->caps;
    request_make(PARENT_REQUEST_UPGRADE);
    return OK;
}

static enum status on_close(void *session, uint64_t id, struct parent_returned *out)
{
    (void)session;
    (void)id;
    (void)out;
    if (open_status == OK)
        request_make(PARENT_REQUEST_CLOSE);
    return OK;
}

static enum status on_set_notification(void *session, uint32_t place, uint32_t notification)
{
    (void)session;
    return cap_keep(notification, &places[place]);
}

static enum status on_announce(void *session, const char *service)
{
    (void)session;
    announced = strcmp(service, "LOG") == 0;
    return OK;
}

static enum status on_next(void *session, struct parent_request *out)
{
    (void)session;
    if (!request.kind)
        return ERR_NOT_FOUND;
    *out = request;
    request.kind = 0;
    return OK;
}

static enum status on_deliver(void *session, const struct parent_deliver *in, uint32_t given)
{
    (void)session;
    EXPECT(in->id == SESSION_ID);
    if (in->kind != PARENT_REQUEST_CREATE) {
        EXPECT(in->status == OK);
        return OK;
    }
    open_status = (enum status)in->status;
    if (open_status == OK)
        EXPECT(cap_keep(given, &opened) == OK);
    notification_signal(places[wanted.notify]);
    return OK;
}

static enum status parent_serve(struct portal *portal, struct dispatch *d)
{
    static const struct parent_handlers handlers = {
        .session_open = on_open,
        .session_get = on_get,
        .session_close = on_close,
        .session_upgrade = on_upgrade,
        .announce = on_announce,
        .set_notification = on_set_notification,
        .request_next = on_next,
        .request_deliver = on_deliver,
    };

    return parent_dispatch(&handlers, portal, d);
}

static struct portal parent_portal = {.dispatch = parent_serve};

static void be_the_parent(void *ready)
{
    EXPECT(entrypoint_init(&parent_entrypoint) == OK);
    EXPECT(portal_create(&parent_entrypoint, &parent_portal) == OK);
    notification_signal(*(uint32_t *)ready);
    entrypoint_run(&parent_entrypoint);
    portal_destroy(&parent_portal);
}

/* ---- the server ---- */

struct test_session {
    struct service_session base;
    char text[8];
};

static unsigned sessions;
static uint64_t upgraded_ram;

static enum status create(struct service *service, const struct parent_request *in,
                          struct service_session **out)
{
    struct test_session *session;
    uint64_t number;

    (void)service;
    if (session_arg_number(in->args, "fail", &number) == OK)
        return (enum status)number;
    session = heap_alloc(sizeof(*session));
    if (!session)
        return ERR_NO_RAM;
    sessions++;
    *out = &session->base;
    return OK;
}

static enum status upgrade(struct service *service, struct service_session *session)
{
    (void)service;
    upgraded_ram = session->ram;
    return OK;
}

static void close(struct service *service, struct service_session *session)
{
    (void)service;
    sessions--;
    heap_free(session);
}

static enum status on_write(void *session, const char *text, size_t length)
{
    struct test_session *self = session;

    EXPECT(strcmp(self->base.label, "client") == 0);
    if (length >= sizeof(self->text))
        return ERR_OVERFLOW;
    memcpy(self->text, text, length);
    return OK;
}

static enum status serve(struct service_session *session, struct dispatch *d)
{
    static const struct log_handlers handlers = {.write = on_write};

    return log_dispatch(&handlers, session, d);
}

static struct service service = {
    .name = "LOG", .create = create, .upgrade = upgrade, .close = close, .dispatch = serve};

/* ---- a client that does not wait ---- */

static struct entrypoint watch_entrypoint;
static unsigned changes;

static void on_change(struct session_watch *watch)
{
    (void)watch;
    changes++;
}

/* On a thread of its own, with an entry point that never runs. */
static void be_the_watcher(void *argument)
{
    struct session_options options = {.service = "LOG", .ram = 4096, .caps = 2};
    struct session_watch watch = {0};
    uint32_t slot = CAP_NONE;

    (void)argument;
    EXPECT(entrypoint_init(&watch_entrypoint) == OK);
    session_watch_end(&watch); /* of nothing */
    EXPECT(session_watch_begin(&watch, &watch_entrypoint, on_change, &options) == OK);
    EXPECT(wanted.notify == PARENT_NOTIFY_WATCH);
    while (session_watch_state(&watch) == ERR_AGAIN)
        EXPECT(entrypoint_wait(&watch_entrypoint, session_watch_bits(&watch), TIME_NEVER) == OK);
    EXPECT(session_watch_state(&watch) == OK);
    EXPECT(session_watch_take(&watch, &slot) == OK);
    EXPECT(log_session_write(slot, "text", 4) == OK);
    cap_free(slot);

    /* The server is gone. */
    while (entrypoint_wait(&watch_entrypoint, session_watch_bits(&watch), time_after_ns(1000000)) == OK)
        ;
    changes = 0;
    open_status = ERR_PEER_GONE;
    notification_signal(places[PARENT_NOTIFY_WATCH]);
    while (changes == 0)
        EXPECT(entrypoint_wait(&watch_entrypoint, session_watch_bits(&watch), TIME_NEVER) == OK);
    EXPECT(session_watch_state(&watch) == ERR_PEER_GONE);
    open_status = OK; /* so that the server closes it */
    session_watch_end(&watch);
    EXPECT(watch.id == 0);
    thread_sleep_until(time_after_ns(2000000));
    EXPECT(sessions == 0);

    options.service = "a name that is far too long for a service's name";
    EXPECT(session_watch_begin(&watch, &watch_entrypoint, on_change, &options) == ERR_OVERFLOW);
}

/* ---- the client ---- */

static void be_the_client(void *argument)
{
    struct session_options options = {.service = "LOG", .ram = 4096, .caps = 2};
    struct connection session, failed = {0};

    (void)argument;
    EXPECT(session_open(&options, &session) == OK);
    EXPECT(sessions == 1);
    EXPECT(log_session_write(session.slot, "text", 4) == OK);
    EXPECT(log_session_write(session.slot, "too long", 8) == ERR_OVERFLOW);
    EXPECT(session_upgrade(&session, 8192, 0) == OK);
    thread_sleep_until(time_after_ns(2000000));
    EXPECT(upgraded_ram == 4096 + 8192);

    uint32_t kept = 0;

    EXPECT(cap_keep(session.slot, &kept) == OK);
    session_close(&session);
    thread_sleep_until(time_after_ns(2000000));
    EXPECT(sessions == 0);
    EXPECT(log_session_write(kept, "text", 4) == ERR_PEER_GONE);
    cap_free(kept);

    options.args_opt = "fail=5"; /* ERR_NO_RAM */
    EXPECT(session_open(&options, &failed) == ERR_NO_RAM);
    EXPECT(failed.slot == CAP_NONE);
    options.service = "NOT_OURS";
    EXPECT(session_open(&options, &failed) == ERR_NOT_FOUND);

    struct thread *watcher;

    EXPECT(thread_create(&(struct thread_options){.name = "watcher"}, be_the_watcher, NULL, &watcher) == OK);
    thread_join(watcher);
    entrypoint_stop(&env.entrypoint);
}

static void replace_parent(uint32_t portal)
{
    EXPECT(kernel_cap_drop(CAP_NONE, ENV_SLOT_PARENT) == OK);
    EXPECT(kernel_cap_copy(CAP_NONE, ENV_SLOT_PARENT, portal, RIGHT_ALL, 0) == OK);
}

void test_service(void)
{
    struct thread *parent, *client;
    uint32_t ready, real_parent;
    uint64_t bits;

    EXPECT(cap_copy(ENV_SLOT_PARENT, RIGHT_ALL, 0, &real_parent) == OK);
    EXPECT(notification_create(&ready) == OK);
    EXPECT(thread_create(&(struct thread_options){.name = "parent"}, be_the_parent, &ready, &parent) == OK);
    EXPECT(notification_wait(ready, TIME_NEVER, &bits) == OK);
    replace_parent(parent_portal.slot);
    EXPECT(service_start(&service, &env.entrypoint) == OK);
    EXPECT(announced);
    EXPECT(thread_create(&(struct thread_options){.name = "client"}, be_the_client, NULL, &client) == OK);
    entrypoint_run(&env.entrypoint);
    thread_join(client);
    replace_parent(real_parent);
    entrypoint_stop(&parent_entrypoint);
    thread_join(parent);
    notification_destroy(ready);
    cap_free(real_parent);
    test_case("a service and its client, with a parent between them");
    CHECK_EQ(bad_line, 0);
}
