/* SPDX-License-Identifier: MIT */
/*
 * Init: reads its configuration, starts the children and serves them. The wiring only.
 */
#include "init/init.h"

#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/parent_session.h"
#include "lib/base/session.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

#define EXIT_CONFIG 2 /* the configuration cannot be used */
#define EXIT_START  3 /* init itself could not be set up */

#define CONFIG_SESSION_RAM  (8ull << 10)
#define CONFIG_SESSION_CAPS 4u

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

/* A copy: the model refers to the text, and the ROM is somebody else's. */
static enum status copy_rom(uint32_t session, char **text, uint64_t *size)
{
    struct rom rom;
    enum status status = rom_map(session, &rom);

    if (status != OK)
        return status;
    *size = rom.size;
    *text = heap_alloc(rom.size);
    if (*text)
        memcpy(*text, rom.data, rom.size);
    rom_unmap(&rom);
    return *text ? OK : ERR_NO_RAM;
}

static enum status fetch_config(char **text, uint64_t *size)
{
    struct connection connection;
    enum status status = session_open(
        &(struct session_options){
            .service = "ROM", .label_opt = "config", .ram = CONFIG_SESSION_RAM, .caps = CONFIG_SESSION_CAPS},
        &connection);

    if (status != OK)
        return status;
    status = copy_rom(connection.slot, text, size);
    session_close(&connection);
    return status;
}

static int read_config(void)
{
    char *text;
    uint64_t size;
    enum status status = fetch_config(&text, &size);

    if (status != OK) {
        log_error("no configuration, ROM `config': %s", status_text(status));
        return EXIT_CONFIG;
    }
    status = config_read(text, size, &init.report, &init.config);
    if (status == OK)
        return 0;
    log_error("configuration not usable (%u mistake%s): nothing is started", init.report.count,
              init.report.count == 1 ? "" : "s");
    return EXIT_CONFIG;
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
    int code = read_config();

    if (code)
        return code;
    if (!init.config.child_count) {
        log_error("the configuration has no <start>: there is nothing to do");
        return EXIT_CONFIG;
    }
    log_info("%u %s to start", init.config.child_count, init.config.child_count == 1 ? "child" : "children");
    enum status status = watch_parent();

    if (status == OK)
        status = init_children_start();
    if (status != OK) {
        log_error("cannot start children: %s", status_text(status));
        return EXIT_START;
    }
    entrypoint_run(init.entrypoint);
    return 0;
}
