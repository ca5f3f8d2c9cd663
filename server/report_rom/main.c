/* SPDX-License-Identifier: MIT */
/*
 * Reports become ROMs: REPORT and ROM sessions around the store, which knows who may read what.
 *
 * A reporter's memory is attached for the session's life, for reading only, and copied at each SUBMIT: a client that
 * writes meanwhile spoils its own text only. The attachment and the copy are charged to what it has lent. What it sends
 * must be a real dataspace: in a region map it could let this server wait for a page for ever.
 */
#include "contract/report/dispatch.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/service.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/rom/server.h"
#include "lib/string/string.h"
#include "server/report_rom/store.h"

enum { EXIT_NO_SERVICE = 1, EXIT_NO_CONFIG = 2 };

struct report_session {
    struct service_session base;
    struct report *report_opt; /* NULL: nobody may read it */
    void *client_opt;          /* the reporter's memory; NULL: not connected */
    struct memory copy;
    uint64_t size;
};

static struct store store;
static struct rom_server rom;
static bool verbose;

/* ---- the contract's handlers ---- */

static enum status attach_client(struct report_session *session, uint64_t size, uint32_t dataspace)
{
    uint64_t available;
    enum status status = dataspace_size(dataspace, &available);

    if (status != OK)
        return status;
    if (available < size)
        return ERR_RANGE;
    return memory_attach_at(dataspace, 0, page_round_up(size), PD_ANYWHERE, PD_READ, &session->client_opt);
}

static enum status connect(void *opaque, uint64_t size, uint32_t dataspace)
{
    struct report_session *session = opaque;
    enum status status;

    if (session->client_opt)
        return ERR_EXISTS;
    if (session->base.ram < REPORT_SESSION_RAM + page_round_up(size))
        return ERR_NO_RAM;
    status = attach_client(session, size, dataspace);
    if (status != OK)
        return status;
    status = memory_alloc(size, &session->copy);
    if (status != OK) {
        memory_detach(session->client_opt);
        session->client_opt = NULL;
        return status;
    }
    session->size = size;
    return OK;
}

static enum status submit(void *opaque, uint64_t length)
{
    struct report_session *session = opaque;

    if (length > session->size)
        return ERR_RANGE;
    if (!session->client_opt)
        return ERR_INVALID;
    if (!session->report_opt)
        return OK;
    memcpy(session->copy.address, session->client_opt, length);
    report_put(session->report_opt, session->copy.address, length);
    rom_source_changed(&rom, &session->report_opt->source);
    return OK;
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct report_handlers handlers = {.connect = connect, .submit = submit};

    return report_dispatch(&handlers, session, d);
}

/* ---- the services' tables ---- */

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    struct report_session *session;
    enum status status = OK;

    (void)service;
    if (request->ram < REPORT_SESSION_RAM)
        return ERR_NO_RAM;
    if (request->caps < REPORT_SESSION_CAPS)
        return ERR_NO_CAPS;
    session = heap_alloc(sizeof(*session));
    if (!session)
        return ERR_NO_RAM;
    session->report_opt = store_report(&store, request->label);
    if (session->report_opt)
        status = report_take(session->report_opt);
    if (status != OK) {
        heap_free(session);
        return status;
    }
    if (verbose)
        log_info("report \"%s\" %s", request->label, session->report_opt ? "begins" : "is for nobody");
    *out = &session->base;
    return OK;
}

static void leave(struct report *report)
{
    bool gone = report_leave(report);

    if (gone)
        rom_source_changed(&rom, &report->source);
    if (verbose)
        log_info("report \"%s\" ends%s", report->label, report->source.present ? ", its text is kept" : "");
}

static void close(struct service *service, struct service_session *base)
{
    struct report_session *session = (struct report_session *)base;

    (void)service;
    if (session->report_opt)
        leave(session->report_opt);
    if (session->client_opt) {
        memory_free(&session->copy);
        memory_detach(session->client_opt);
    }
    heap_free(session);
}

static struct rom_source *find(struct rom_server *server, const struct parent_request *request)
{
    struct report *report = store_readable(&store, request->label);

    (void)server;
    if (verbose)
        log_info("ROM \"%s\" %s%s", request->label, report ? "reads " : "is denied",
                 report ? report->label : "");
    return report ? &report->source : NULL;
}

/* ---- start ---- */

static enum status configure(void)
{
    static const char *const names[] = {"verbose", NULL};
    struct store_error error = {0};
    struct xml_node config;
    enum status status = config_load(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status != OK)
        return status;
    if (xml_attribute_bool(config, "verbose", &verbose) == ERR_INVALID) {
        config_complain(config, "verbose", "must be yes or no");
        return ERR_INVALID;
    }
    status = store_init(&store, config, &error);
    if (status == ERR_INVALID && error.attribute_opt)
        config_complain(error.node, error.attribute_opt, error.reason);
    else if (status == ERR_INVALID)
        log_error("config:%zu: <%.*s>: %s", xml_line(error.node), (int)xml_name(error.node).length,
                  xml_name(error.node).start, error.reason);
    return status;
}

int component_main(struct env *environment)
{
    static struct service service = {
        .name = REPORT_SERVICE, .create = create, .dispatch = dispatch, .close = close};
    enum status status = configure();

    if (status != OK) {
        log_error("no usable configuration: %s", status_text(status));
        return EXIT_NO_CONFIG;
    }
    rom.find = find;
    status = rom_server_start(&rom, &environment->entrypoint);
    if (status == OK)
        status = service_start(&service, &environment->entrypoint);
    if (status != OK) {
        log_error("cannot announce ROM and REPORT: %s", status_text(status));
        return EXIT_NO_SERVICE;
    }
    entrypoint_run(&environment->entrypoint);
    return 0;
}
