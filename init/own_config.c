/* SPDX-License-Identifier: MIT */
/*
 * Init's own configuration, ROM `config`: read at the start, and again whenever it changes.
 *
 * Without a usable one at the start there is no system: exit value 2. Later ones are only tried: one with mistakes changes
 * nothing. A server of the configuration that dies is asked again, for as long as it takes; meanwhile everything stays as
 * it is.
 */
#include "init/init.h"

#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

#define EXIT_CONFIG     2 /* the configuration cannot be used */
#define CONFIG_SIZE_MAX (64ull << 10)
#define RETRY_NS        1000000000ull

static struct upstream upstream;
static struct signal changed;
static struct timeout retry;
static bool absent;   /* has been said */
static char *present; /* the text that init_reconfigure() got last */
static size_t present_size;

static _Noreturn void give_up(void)
{
    component_exit(EXIT_CONFIG);
}

/* A copy: the model refers to the text, and the ROM is somebody else's. */
static enum status copy_rom(char **text, size_t *size)
{
    struct rom rom;
    enum status status = rom_map(upstream.slot, &rom);

    if (status != OK)
        return status;
    *size = rom.size;
    *text = heap_alloc(rom.size);
    if (*text)
        memcpy(*text, rom.data, rom.size);
    rom_unmap(&rom);
    return *text ? OK : ERR_NO_RAM;
}

static void not_usable(void)
{
    log_error("configuration not usable (%u mistake%s): nothing %s", init.report.count,
              init.report.count == 1 ? "" : "s", present ? "changes" : "is started");
    if (!present)
        give_up();
}

static void apply(char *text, size_t size)
{
    struct config config;

    init.report.count = 0;
    if (config_read(text, size, &init.report, &config) != OK) {
        heap_free(text);
        not_usable();
        return;
    }
    if (!present && !config.child_count) {
        log_error("the configuration has no <start>: there is nothing to do");
        give_up();
    }
    init_reconfigure(&config, text);
    present = text;
    present_size = size;
}

static void look(void)
{
    char *text;
    size_t size;
    enum status status = copy_rom(&text, &size);

    if (status == ERR_AGAIN) /* no content at present: there will be */
        return;
    if (status != OK) {
        log_error("no configuration, ROM `config': %s", status_text(status));
        if (!present)
            give_up();
        return;
    }
    if (present && size == present_size && memcmp(text, present, size) == 0)
        heap_free(text);
    else
        apply(text, size);
}

static void changed_received(struct signal *signal)
{
    (void)signal;
    if (upstream.slot != CAP_NONE)
        look();
}

static void open_again(struct timeout *timeout)
{
    (void)timeout;
    if (!upstream.id)
        (void)!init_config_open();
}

/* A server that has ended for good may refuse at once, so the next attempt waits. */
static void not_opened(enum status status)
{
    if (!absent)
        log_error("no configuration, ROM `config': %s", status_text(status));
    absent = true;
    if (!present)
        give_up();
    retry.expired = open_again;
    entrypoint_timeout_set(init.entrypoint, &retry, time_after_ns(RETRY_NS));
}

static void opened(struct upstream *session, enum status status)
{
    if (status != OK) {
        not_opened(status);
        return;
    }
    absent = false;
    (void)!rom_set_notification(session->slot, changed.slot); /* then it is one that does not change */
    look();
}

enum status init_config_open(void)
{
    struct parent_session_open request = {.service = "ROM",
                                          .label = "config",
                                          .ram = ROM_READER_RAM + CONFIG_SIZE_MAX,
                                          .caps = ROM_READER_CAPS + 2};
    enum status status = OK;

    if (changed.slot == CAP_NONE)
        status = signal_create(init.entrypoint, &changed, changed_received);
    if (status != OK)
        return status;
    status = upstream_open(&upstream, &request, opened);
    if (status != OK)
        not_opened(status);
    return OK;
}
