/* SPDX-License-Identifier: MIT */
/*
 * Load and judgement for BLOCK sessions: goes through the stages of its configuration, one line of a table for each.
 */
#include "app/block_tester/load.h"
#include "app/block_tester/table.h"
#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"

enum { EXIT_BAD = 1, EXIT_CONFIG = 2, EXIT_SESSION = 3 };

#define TRACE_MOST (64ull << 20) /* bytes of a trace */

static struct settings settings;
static struct load loads[SESSIONS_MAX];
static struct stage stage;
static struct xml_node stage_node;
static struct rom_reader trace_rom;
static struct trace trace;
static unsigned running, failures;
static struct table_row row;
static struct entrypoint *entrypoint;

/* ---- stages, one after another ---- */

static void stage_next(struct deferred *deferred);
static struct deferred next = {.run = stage_next};

static void load_done(struct load *load)
{
    (void)load;
    if (--running == 0)
        entrypoint_defer(entrypoint, &next);
}

static bool trace_load(void)
{
    enum status status;

    rom_close(&trace_rom);
    trace_rom = (struct rom_reader){0};
    if (stage.pattern != PATTERN_TRACE)
        return true;
    status = rom_open(stage.trace, TRACE_MOST, &trace_rom);
    if (status == OK)
        status = rom_update(&trace_rom);
    if (status != OK) {
        log_error("no trace \"%s\": %s", stage.trace, status_text(status));
        return false;
    }
    trace = (struct trace){.text = trace_rom.rom.data, .length = trace_rom.rom.size};
    return true;
}

static void stage_begin(void)
{
    if (stage_read(stage_node, &settings, &stage) != OK || !trace_load()) {
        failures++;
        entrypoint_stop(entrypoint);
        return;
    }
    running = (unsigned)settings.sessions;
    table_begin(&row, loads, running);
    for (unsigned i = 0; i < settings.sessions; i++)
        load_start(&loads[i], &stage, stage.pattern == PATTERN_TRACE ? &trace : NULL, load_done);
}

static void stage_next(struct deferred *deferred)
{
    (void)deferred;
    failures += !table_end(&row, &settings, &stage, loads, (unsigned)settings.sessions);
    if (xml_next_sibling_named(stage_node, "stage", &stage_node))
        stage_begin();
    else
        entrypoint_stop(entrypoint);
}

/* ---- start ---- */

static void most(uint64_t *value, uint64_t other)
{
    if (other > *value)
        *value = other;
}

/* All stages are read before the first one begins: for mistakes, and for the buffers they need. */
static enum status configure(struct xml_node *config)
{
    enum status status = config_load(config);
    bool more;

    if (status == OK)
        status = settings_read(*config, &settings);
    if (status != OK)
        return status;
    if (!xml_first_child_named(*config, "stage", &stage_node)) {
        config_complain(*config, "stage", "at least one is needed");
        return ERR_INVALID;
    }

    struct xml_node node = stage_node;

    for (more = true; more && status == OK; more = xml_next_sibling_named(node, "stage", &node)) {
        status = stage_read(node, &settings, &stage);
        most(&settings.memory, load_memory(&settings, &stage));
        most(&settings.slots, load_slots(&settings, &stage));
    }
    return status;
}

int component_main(struct env *environment)
{
    struct xml_node config;

    entrypoint = &environment->entrypoint;
    if (configure(&config) != OK)
        return EXIT_CONFIG;
    for (unsigned i = 0; i < settings.sessions; i++) {
        enum status status = load_open(&loads[i], &settings, i, entrypoint);

        if (status != OK) {
            log_error("no session %u at \"%s\": %s", i, settings.label, status_text(status));
            return EXIT_SESSION;
        }
    }
    table_head(block_client_info(&loads[0].client), &settings);
    stage_begin();
    entrypoint_run(entrypoint);
    for (unsigned i = 0; i < settings.sessions; i++)
        load_close(&loads[i]);
    log_info("%s", failures ? "block_tester: FAILED" : "block_tester: everything as it must be");
    return failures ? EXIT_BAD : 0;
}
