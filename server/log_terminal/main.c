/* SPDX-License-Identifier: MIT */
/*
 * Log on a terminal: LOG sessions, and core's own log if asked for, become lines on a TERMINAL session.
 */
#include "contract/log/dispatch.h"
#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/service.h"
#include "lib/base/session.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/terminal/client.h"
#include "server/log_terminal/lines.h"

struct log_session {
    struct service_session base;
    struct lines_source source;
};

static struct lines_queue queue;
static struct terminal_client terminal;

static struct core_reader {
    const struct core_log *log_opt;
    uint64_t position;
    struct lines_source source;
    struct signal signal;
} core_reader;

/* ---- to the terminal ---- */

static void terminal_check(enum status status)
{
    if (status == OK)
        return;
    log_error("the terminal is gone: %s", status_text(status));
    component_exit(2);
}

/* Core's log waits in its own memory while the queue is full. */
static void pump(void)
{
    const char *bytes;
    size_t length, taken;

    do {
        if (core_reader.log_opt)
            lines_add_core(&queue, &core_reader.source, core_reader.log_opt, &core_reader.position);
        length = lines_pending(&queue, &bytes);
        if (length == 0)
            return;
        terminal_check(terminal_client_write(&terminal, bytes, length, &taken));
        lines_sent(&queue, taken);
    } while (taken == length);
}

/* What is typed at the log is thrown away. */
static void terminal_changed(struct terminal_client *client)
{
    char bytes[64];
    size_t got;

    do
        terminal_check(terminal_client_read(client, bytes, sizeof(bytes), &got));
    while (got == sizeof(bytes));
    pump();
}

/* ---- LOG ---- */

static enum status write(void *opaque, const char *text, size_t length)
{
    struct log_session *session = opaque;

    lines_add(&queue, &session->source, text, length);
    pump();
    return OK;
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct log_handlers handlers = {.write = write};

    return log_dispatch(&handlers, session, d);
}

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    struct log_session *session;

    (void)service;
    if (request->ram < sizeof(*session))
        return ERR_NO_RAM;
    if (request->caps < 1)
        return ERR_NO_CAPS;
    session = heap_alloc(sizeof(*session));
    if (!session)
        return ERR_NO_RAM;
    session->source.label = session->base.label;
    *out = &session->base;
    return OK;
}

static void close(struct service *service, struct service_session *base)
{
    struct log_session *session = (struct log_session *)base;

    (void)service;
    lines_finish(&queue, &session->source);
    pump();
    heap_free(session);
}

/* ---- core's log ---- */

static void core_changed(struct signal *signal)
{
    (void)signal;
    pump();
}

static void core_open(struct entrypoint *entrypoint)
{
    struct session_options options = {.service = ROM_SERVICE, .label_opt = CORE_LOG_ROM};
    struct connection connection;
    struct rom rom;
    enum status status = session_open(&options, &connection);

    if (status == OK)
        status = signal_create(entrypoint, &core_reader.signal, core_changed);
    if (status == OK)
        status = rom_set_notification(connection.slot, core_reader.signal.slot);
    if (status == OK)
        status = rom_map(connection.slot, &rom);
    if (status == OK && rom.size < sizeof(struct core_log))
        status = ERR_INVALID;
    if (status != OK) {
        log_error("core's log cannot be read: %s", status_text(status));
        return;
    }
    core_reader.log_opt = rom.data;
    core_reader.position = core_reader.log_opt->console_end;
    core_reader.source.label = "";
}

int component_main(struct env *environment)
{
    static struct service service = {
        .name = LOG_SERVICE, .create = create, .dispatch = dispatch, .close = close};
    static const char *const names[] = {"core_log", NULL};
    struct xml_node config;
    bool with_core = true;
    enum status status = config_load_or_empty(&config);

    if (status != OK || config_check_attributes(config, names) != OK)
        return 1;
    if (xml_attribute_bool(config, "core_log", &with_core) == ERR_INVALID) {
        config_complain(config, "core_log", "must be yes or no");
        return 1;
    }
    status = terminal_client_open(&environment->entrypoint, "log", terminal_changed, &terminal);
    if (status != OK) {
        log_error("no terminal: %s", status_text(status));
        return 2;
    }
    if (with_core)
        core_open(&environment->entrypoint);
    status = service_start(&service, &environment->entrypoint);
    if (status != OK) {
        log_error("cannot announce LOG: %s", status_text(status));
        return 3;
    }
    terminal_changed(&terminal);
    entrypoint_run(&environment->entrypoint);
    return 0;
}
