/* SPDX-License-Identifier: MIT */
/* One program for the keeper and the disk: <config role="..."/> says what it is. */
#include "lib/base/env.h"
#include "lib/config/config.h"
#include "test/block_death/death.h"

int component_main(struct env *environment)
{
    struct xml_node config;

    if (config_load(&config) != OK)
        return 1;
    if (xml_attribute_is(config, "role", "keeper"))
        return keeper_main(&environment->entrypoint);
    return disk_main(&environment->entrypoint, config);
}
