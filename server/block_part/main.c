/* SPDX-License-Identifier: MIT */
/*
 * block_part: who gets which part of a disk.
 *
 * For each client, a session is opened at the disk's own server whose arguments say the range and the rights that policy
 * gives, and the client gets that session's capability. So requests, data and completions go between client and driver; what
 * costs the driver something is paid by the client's quota, which is passed on.
 */
#include "contract/block/wire.h"
#include "contract/report/client.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/service.h"
#include "lib/base/session.h"
#include "lib/base/time.h"
#include "lib/block/quota.h"
#include "lib/config/config.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"
#include "lib/range/range.h"
#include "lib/string/string.h"
#include "server/block_part/disk.h"
#include "server/block_part/policy.h"
#include "server/block_part/report.h"

#define LET_GO_NS (PARENT_LET_GO_S * 1000000000ull)

enum { EXIT_NO_SERVICE = 1, EXIT_NO_CONFIG = 2, EXIT_NO_DISK = 3 };

struct part_session {
    struct service_session base;
    struct connection disk;
    uint64_t
        passed_ram; /* of base.ram and base.caps: what the disk's session knows of, and this component's own part */
    uint32_t passed_caps;
};

static struct xml_node config;
static struct table table;
static struct report report;

/* A client may ask for a part of what it is granted. The same rules as in lib/block/server.c. */
static enum status narrow(const char *args, struct grant *granted)
{
    uint64_t offset = 0, size = 0;
    char text[4] = "yes";
    enum status offset_status = session_arg_number(args, "offset", &offset),
                size_status = session_arg_number(args, "size", &size),
                write_status = session_arg(args, "write", text, sizeof(text));

    if ((offset_status != OK && offset_status != ERR_NOT_FOUND) ||
        (size_status != OK && size_status != ERR_NOT_FOUND) ||
        (write_status != OK && write_status != ERR_NOT_FOUND) || (strcmp(text, "yes") && strcmp(text, "no")))
        return ERR_INVALID;
    if (size_status == ERR_NOT_FOUND)
        size = offset <= granted->size ? granted->size - offset : 0;
    if (!range_ok(offset, size, granted->size))
        return ERR_RANGE;
    if (text[0] == 'n')
        granted->write = false;
    granted->offset += offset;
    granted->size = size;
    return OK;
}

static enum status open_view(const struct parent_request *request, const struct grant *granted,
                             struct connection *out)
{
    char args[PARENT_ARGS_MAX];
    struct session_options options = {.service = BLOCK_SERVICE,
                                      .label_opt = request->label,
                                      .args_opt = args,
                                      .ram = request->ram - BLOCK_MEDIATOR_RAM,
                                      .caps = request->caps - BLOCK_MEDIATOR_CAPS};

    fmt_format(args, sizeof(args), "offset=0x%lx, size=0x%lx, write=%s, shared=%s", granted->offset,
               granted->size, granted->write ? "yes" : "no", granted->shared ? "yes" : "no");
    return session_open(&options, out);
}

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    struct grant granted;
    struct part_session *session;
    const char *reason = "";
    enum status status = policy_find(config, request->label, &table, disk_size(), &granted, &reason);

    (void)service;
    if (status != OK)
        log_error("\"%s\" is refused: %s", request->label, reason);
    else if ((status = narrow(request->args, &granted)) != OK)
        log_error("\"%s\" is refused: its arguments \"%s\" are wrong, or ask for more than it may have",
                  request->label, request->args);
    if (status != OK)
        return status;
    if (request->ram <= BLOCK_MEDIATOR_RAM)
        return ERR_NO_RAM;
    if (request->caps <= BLOCK_MEDIATOR_CAPS)
        return ERR_NO_CAPS;
    session = heap_alloc(sizeof(*session));
    if (!session)
        return ERR_NO_RAM;
    status = open_view(request, &granted, &session->disk);
    if (status != OK) {
        heap_free(session);
        return status;
    }
    session->passed_ram = request->ram;
    session->passed_caps = request->caps;
    *out = &session->base;
    return OK;
}

static enum status mediate(struct service *service, struct service_session *base, uint32_t *slot)
{
    (void)service;
    *slot = ((struct part_session *)base)->disk.slot;
    return OK;
}

/* What was added goes on whole. */
static enum status upgrade(struct service *service, struct service_session *base)
{
    struct part_session *session = (struct part_session *)base;
    enum status status =
        session_upgrade(&session->disk, base->ram - session->passed_ram, base->caps - session->passed_caps);

    (void)service;
    if (status != OK)
        return status;
    session->passed_ram = base->ram;
    session->passed_caps = base->caps;
    return OK;
}

/* The disk's server has the client's memory, not this component: the parent is not told before that it lets go of it. */
static void close(struct service *service, struct service_session *base)
{
    (void)service;
    if (session_close_wait(&((struct part_session *)base)->disk, time_after_ns(LET_GO_NS)) != OK)
        log_error("\"%s\" has gone, the disk still works for it", base->label);
    heap_free(base);
}

/* ---- start ---- */

static enum status configure(bool *wants_report)
{
    static const char *const names[] = {"report", NULL};
    struct policy_error error;
    enum status status = config_load(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status != OK)
        return status;
    if (xml_attribute_bool(config, "report", wants_report) == ERR_INVALID) {
        config_complain(config, "report", "must be yes or no");
        return ERR_INVALID;
    }
    status = policy_check(config, &error);
    if (status != OK)
        config_complain(error.node, error.attribute, error.reason);
    return status;
}

static void tell(bool wants_report)
{
    enum status status = OK;

    report_log(&table);
    if (!wants_report)
        return;
    status = report_open("partitions", REPORT_TEXT_MAX, &report);
    if (status == OK)
        status = report_submit(&report, report_text(&table, disk_size(), report.text, report.size));
    if (status != OK)
        log_error("no report of the partitions: %s", status_text(status));
}

int component_main(struct env *environment)
{
    static struct service service = {
        .name = BLOCK_SERVICE, .create = create, .mediate = mediate, .upgrade = upgrade, .close = close};
    bool wants_report = false;

    if (configure(&wants_report) != OK)
        return EXIT_NO_CONFIG;
    enum status status = disk_open(&environment->entrypoint);

    if (status == OK)
        status = disk_table(&table);
    if (status != OK) {
        log_error("no disk: %s", status_text(status));
        return EXIT_NO_DISK;
    }
    tell(wants_report);
    status = service_start(&service, &environment->entrypoint);
    if (status != OK) {
        log_error("cannot announce BLOCK: %s", status_text(status));
        return EXIT_NO_SERVICE;
    }
    entrypoint_run(&environment->entrypoint);
    return 0;
}
