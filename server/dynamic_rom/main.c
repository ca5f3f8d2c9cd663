/* SPDX-License-Identifier: MIT */
/*
 * ROM modules that change over time as the configuration says: for tests and demonstrations of components that follow
 * their configuration. What comes when is script.c's; here are the clock, the texts and the sessions.
 */
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/rom/server.h"
#include "lib/string/string.h"
#include "server/dynamic_rom/script.h"

#define NAME_MAX_ 64u

enum { EXIT_NO_SERVICE = 1, EXIT_NO_CONFIG = 2 };

struct module {
    struct rom_source source;
    struct script script;
    struct timeout timeout;
    struct module *next;
    uint64_t due; /* when the present sleep ends; sleeps follow each other without drift */
    char *text;
    char name[NAME_MAX_];
};

static struct rom_server server;
static struct entrypoint *entrypoint;
static struct module *modules;
static bool verbose;

static void show(struct module *module, const struct script_state *state)
{
    struct script_text text;

    module->source.present = state->present;
    if (state->present) {
        text = script_text(state->inline_);
        memset(module->text, '\n', text.lines);
        memcpy(module->text + text.lines, text.text.start, text.text.length);
        module->source.data = module->text;
        module->source.size = text.lines + text.text.length;
    }
    if (verbose) {
        struct xml_slice about = {"", 0};

        (void)xml_attribute(state->inline_, "description", &about);
        log_info("module \"%s\" %s (%.*s)", module->name, state->present ? "changes" : "disappears",
                 (int)about.length, about.start);
    }
    rom_source_changed(&server, &module->source);
}

static void advance(struct module *module)
{
    struct script_state state;

    script_advance(&module->script, &state);
    if (state.changed)
        show(module, &state);
    if (state.over)
        return;
    module->due += time_to_ticks(state.sleep_ms * 1000000ull);
    entrypoint_timeout_set(entrypoint, &module->timeout, module->due);
}

static void expired(struct timeout *timeout)
{
    advance((struct module *)((char *)timeout - offsetof(struct module, timeout)));
}

static struct rom_source *find(struct rom_server *unused, const struct parent_request *request)
{
    char name[NAME_MAX_];
    struct module *module = modules;

    (void)unused;
    if (rom_request_name(request, name, sizeof(name)) != OK)
        return NULL;
    while (module && strcmp(module->name, name) != 0)
        module = module->next;
    return module ? &module->source : NULL;
}

/* ---- configuration ---- */

static enum status complain(const struct script_error *error)
{
    struct xml_slice name = xml_name(error->node);

    if (error->attribute_opt)
        config_complain(error->node, error->attribute_opt, error->reason);
    else
        log_error("config:%zu: <%.*s>: %s", xml_line(error->node), (int)name.length, name.start,
                  error->reason);
    return ERR_INVALID;
}

static enum status module_add(struct xml_node node)
{
    struct script_error error;
    struct module *module = heap_alloc(sizeof(*module));

    if (!module)
        return ERR_NO_RAM;
    if (script_init(&module->script, node, &error) != OK)
        return complain(&error);
    if (xml_attribute_copy(node, "name", module->name, sizeof(module->name)) != OK)
        return complain(&(struct script_error){node, "name", "too long"});
    for (struct module *other = modules; other; other = other->next)
        if (strcmp(other->name, module->name) == 0)
            return complain(&(struct script_error){node, "name", "is there already"});
    module->text = heap_alloc(script_size_max(&module->script));
    if (!module->text)
        return ERR_NO_RAM;
    module->timeout.expired = expired;
    module->next = modules;
    modules = module;
    return OK;
}

static enum status configure(void)
{
    static const char *const names[] = {"verbose", NULL};
    struct xml_node config, node;
    enum status status = config_load(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status != OK)
        return status;
    status = xml_attribute_bool(config, "verbose", &verbose);
    if (status == ERR_INVALID)
        return complain(&(struct script_error){config, "verbose", "must be yes or no"});
    status = OK;
    for (bool more = xml_first_child(config, &node); status == OK && more;
         more = xml_next_sibling(node, &node)) {
        if (!xml_name_is(node, "rom"))
            return complain(&(struct script_error){node, NULL, "must be <rom>"});
        status = module_add(node);
    }
    return status;
}

int component_main(struct env *environment)
{
    enum status status = configure();

    if (status != OK) {
        log_error("no usable configuration: %s", status_text(status));
        return EXIT_NO_CONFIG;
    }
    entrypoint = &environment->entrypoint;
    server.find = find;
    status = rom_server_start(&server, entrypoint);
    if (status != OK) {
        log_error("cannot announce ROM: %s", status_text(status));
        return EXIT_NO_SERVICE;
    }
    for (struct module *module = modules; module; module = module->next) {
        module->due = time_now();
        advance(module);
    }
    entrypoint_run(entrypoint);
    return 0;
}
