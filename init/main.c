/* SPDX-License-Identifier: MIT */
/*
 * Init: reads its configuration, starts the children and serves them. The wiring only.
 */
#include "init/init.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/parent_session.h"
#include "lib/fmt/status_text.h"

#define EXIT_START 3 /* init itself could not be set up */

static void report_line(struct config_report *report, const char *text)
{
    (void)report;
    log_error("%s", text);
}

struct init init = {.report = {.line = report_line}};

static struct signal upstream_changed;

static void upstream_signalled(struct signal *signal)
{
    (void)signal;
    upstream_poll();
}

static enum status watch_parent(void)
{
    enum status status = signal_create(init.entrypoint, &upstream_changed, upstream_signalled);

    if (status != OK)
        return status;
    return parent_set_notification(PARENT_NOTIFY_CLIENT, upstream_changed.slot);
}

int component_main(struct env *environment)
{
    init.entrypoint = &environment->entrypoint;
    init_resource_watch();
    enum status status = watch_parent();

    if (status == OK)
        status = init_children_prepare();
    if (status == OK)
        status = init_config_open();
    if (status != OK) {
        log_error("cannot start: %s", status_text(status));
        return EXIT_START;
    }
    entrypoint_run(init.entrypoint);
    return 0;
}
