/* SPDX-License-Identifier: MIT */
/*
 * Console multiplexer: several TERMINAL clients share one TERMINAL. What it looks like is mux.c's, console.c moves the
 * bytes, and here the configuration is checked.
 */
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/config/config.h"
#include "server/terminal_mux/console.h"
#include "server/terminal_mux/mux.h"

#define KEY_DEFAULT 0x14 /* ctrl-t */

static enum status configure(struct xml_node *out, uint8_t *key)
{
    static const char *const names[] = {"key", "focus", NULL};
    static const char *const policy_names[] = {"label_prefix", "name", "prefix", "input", NULL};
    struct xml_slice text;
    struct xml_node child;
    struct xml_node config;
    enum status status = config_load_or_empty(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status != OK)
        return status;
    if (xml_attribute(config, "key", &text) && !mux_key_parse(text.start, text.length, key)) {
        config_complain(config, "key", "must be ctrl- and a letter, \\, ^ or _");
        return ERR_INVALID;
    }
    for (bool more = xml_first_child(config, &child); more; more = xml_next_sibling(child, &child)) {
        if (!xml_name_is(child, "policy")) {
            log_error("config:%zu: unknown node", xml_line(child));
            return ERR_INVALID;
        }
        status = config_check_attributes(child, policy_names);
        if (status != OK)
            return status;
    }
    *out = config;
    return OK;
}

int component_main(struct env *environment)
{
    struct xml_node config;
    uint8_t key = KEY_DEFAULT;

    if (configure(&config, &key) != OK)
        return EXIT_NO_CONFIG;
    int code = console_start(&environment->entrypoint, config, key);
    if (code != 0)
        return code;
    entrypoint_run(&environment->entrypoint);
    return 0;
}
