/* SPDX-License-Identifier: MIT */
/*
 * The first component: reads whom to greet from its configuration, prints a line and ends.
 *
 * A component has no arguments and no files. What it is to do stands in its <config>, which it gets as the ROM `config`;
 * what it says goes to its LOG session. Both come from its parent, which may refuse them.
 */
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/config/config.h"

#define WHOM_MAX 64u

int component_main(struct env *environment)
{
    static const char *const attributes[] = {"whom", NULL};
    struct xml_node config;
    char whom[WHOM_MAX] = "world";

    /* What is wrong with the configuration is in the log already. */
    if (config_load_or_empty(&config) != OK || config_check_attributes(config, attributes) != OK)
        return 1;
    if (xml_attribute_copy(config, "whom", whom, sizeof(whom)) == ERR_OVERFLOW) {
        config_complain(config, "whom", "too long");
        return 1;
    }
    log_info("hello, %s: this is component \"%s\"", whom, environment->name);
    return 0;
}
