/* SPDX-License-Identifier: MIT */
/*
 * One program for all children of the scenarios here: <config role="..."/> says what it does.
 *
 *   client     tries one thing after another and exits with the number of things that went wrong
 *   logger     a server of LOG: writes what it gets into its own log
 *   fragile    the same, but faults as soon as something is written
 *   hung       announces HUNG and then does nothing at all
 *   waiter     opens a HUNG session, which never comes
 *   chatty     asks for what it may not have, as fast as it can
 *   onlooker   writes its ROM `state` into the log whenever it changes
 *   exit       ends with the exit value `value`
 */
#include "contract/log/client.h"
#include "contract/log/dispatch.h"
#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/parent_session.h"
#include "lib/base/pd_session.h"
#include "lib/base/service.h"
#include "lib/base/session.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/config/config.h"

#define SECOND_NS 1000000000ull

/* ---- servers ---- */

static bool fragile;
static volatile int *volatile nowhere = (volatile int *)8; /* twice: the compiler is not to see through it */

static enum status logger_create(struct service *service, const struct parent_request *request,
                                 struct service_session **out)
{
    (void)service;
    struct service_session *session = heap_alloc(sizeof(*session));

    if (!session)
        return ERR_NO_RAM;
    log_info("opens for \"%s\", %lluK lent", request->label, (unsigned long long)(request->ram >> 10));
    *out = session;
    return OK;
}

static enum status logger_upgrade(struct service *service, struct service_session *session)
{
    (void)service;
    log_info("\"%s\" now lends %lluK", session->label, (unsigned long long)(session->ram >> 10));
    return OK;
}

static void logger_close(struct service *service, struct service_session *session)
{
    (void)service;
    log_info("closes for \"%s\"", session->label);
    heap_free(session);
}

static enum status logger_write(void *context, const char *text, size_t length)
{
    const struct service_session *session = context;

    if (fragile)
        *nowhere = 0;
    log_info("\"%s\" says: %.*s", session->label, (int)length, text);
    return OK;
}

static const struct log_handlers handlers = {.write = logger_write};

static enum status logger_dispatch(struct service_session *session, struct dispatch *d)
{
    return log_dispatch(&handlers, session, d);
}

static int serve(struct entrypoint *entrypoint)
{
    static struct service service = {.name = LOG_SERVICE,
                                     .create = logger_create,
                                     .upgrade = logger_upgrade,
                                     .close = logger_close,
                                     .dispatch = logger_dispatch};

    if (service_start(&service, entrypoint) != OK)
        return 1;
    entrypoint_run(entrypoint);
    return 0;
}

static int hang(void)
{
    if (parent_announce("HUNG") != OK)
        return 1;
    for (;;)
        thread_sleep_until(TIME_NEVER);
}

static int chat(void)
{
    struct connection connection;

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 300; i++)
            if (session_open(&(struct session_options){.service = "BLOCK"}, &connection) != ERR_DENIED)
                return 1;
        thread_sleep_until(time_after_ns(2 * SECOND_NS));
    }
    return 0;
}

static struct rom_reader state;

static void state_changed(struct signal *signal)
{
    (void)signal;
    if (rom_update(&state) == OK)
        log_text(state.rom.data, state.rom.size);
}

static int look_on(struct entrypoint *entrypoint)
{
    static struct signal changed;

    if (rom_open("state", 65536, &state) != OK || signal_create(entrypoint, &changed, state_changed) != OK ||
        rom_notify(&state, changed.slot) != OK)
        return 1;
    state_changed(&changed);
    entrypoint_run(entrypoint);
    return 0;
}

static int wait_for_hung(void)
{
    struct connection connection;

    return session_open(&(struct session_options){.service = "HUNG"}, &connection) == OK ? 0 : 1;
}

/* ---- the client ---- */

static int wrong;

static void check(bool good, const char *what)
{
    log_info("%s %s", good ? "ok  " : "FAIL", what);
    wrong += !good;
}

static enum status try_open(const char *service, const char *label, struct connection *out)
{
    return session_open(&(struct session_options){.service = service, .label_opt = label}, out);
}

static uint64_t quota(void)
{
    struct pd_info info;

    return pd_info(ENV_SLOT_PD_SESSION, &info) == OK ? info.ram_limit : 0;
}

/* What was lent comes back when the server has closed, which it does when it likes. */
static bool quota_returns(uint64_t before)
{
    for (unsigned i = 0; i < 50 && quota() != before; i++)
        thread_sleep_until(time_after_ns(SECOND_NS / 50));
    return quota() == before;
}

static void use_logger(void)
{
    static const char text[] = "a line";
    uint64_t before = quota();
    struct connection connection;

    check(try_open(LOG_SERVICE, "logger", &connection) == OK, "a session at another child");
    check(log_session_write(connection.slot, text, sizeof(text) - 1) == OK, "a call to another child");
    check(quota() < before, "it is paid");
    check(session_upgrade(&connection, 65536, 1) == OK, "an upgrade");
    session_close(&connection);
    check(quota_returns(before), "the quota returns");
}

static void lose_server(void)
{
    struct connection connection;
    uint64_t before = quota();

    check(try_open(LOG_SERVICE, "fragile", &connection) == OK, "a session at a fragile server");
    check(log_session_write(connection.slot, "x", 1) == ERR_PEER_GONE, "it dies, the call ends");
    uint32_t slot;
    enum status status = OK;

    for (unsigned i = 0; i < 50 && status != ERR_PEER_GONE; i++) {
        thread_sleep_until(time_after_ns(SECOND_NS / 50));
        status = parent_session_get(connection.id, &slot);
        if (status == OK)
            cap_free(slot);
    }
    check(status == ERR_PEER_GONE, "init says so too");
    session_close(&connection);
    check(quota_returns(before), "the quota returns from the dead");
    check(try_open(LOG_SERVICE, "fragile", &connection) == ERR_PEER_GONE, "it cannot be opened again");
}

static int try_all(void)
{
    struct connection connection;
    uint64_t before;

    log_info("client begins");
    before = quota();
    check(try_open("BLOCK", "", &connection) == ERR_DENIED, "a service without route is refused");
    check(try_open("ROM", "none", &connection) == ERR_NOT_FOUND, "a module that does not exist is not found");
    check(session_open(&(struct session_options){.service = LOG_SERVICE, .ram = 1ull << 40}, &connection) ==
              ERR_NO_RAM,
          "lending what one has not is refused");
    check(quota() == before, "refused sessions cost nothing");
    use_logger();
    lose_server();
    return wrong;
}

static int leave(struct xml_node config)
{
    uint64_t value = 0;

    (void)xml_attribute_unsigned(config, "value", &value);
    log_info("leaving with %llu", (unsigned long long)value);
    return (int)value;
}

int component_main(struct env *environment)
{
    struct xml_node config;

    if (config_load(&config) != OK)
        return 100;
    if (xml_attribute_is(config, "role", "client"))
        return try_all();
    if (xml_attribute_is(config, "role", "waiter"))
        return wait_for_hung();
    if (xml_attribute_is(config, "role", "hung"))
        return hang();
    if (xml_attribute_is(config, "role", "exit"))
        return leave(config);
    if (xml_attribute_is(config, "role", "chatty"))
        return chat();
    if (xml_attribute_is(config, "role", "onlooker"))
        return look_on(&environment->entrypoint);
    fragile = xml_attribute_is(config, "role", "fragile");
    return serve(&environment->entrypoint);
}
