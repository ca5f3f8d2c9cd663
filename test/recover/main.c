/* SPDX-License-Identifier: MIT */
/* One program for the components of several scenarios: <config role="..."/> says what it is. */
#include "lib/base/env.h"
#include "lib/config/config.h"
#include "test/recover/bank.h"

int component_main(struct env *environment)
{
    struct entrypoint *entrypoint = &environment->entrypoint;
    struct xml_node config;

    if (config_load(&config) != OK)
        return 1;
    if (xml_attribute_is(config, "role", "ledger"))
        return ledger_main(entrypoint);
    if (xml_attribute_is(config, "role", "bank"))
        return bank_main(entrypoint, config);
    if (xml_attribute_is(config, "role", "client"))
        return client_main(config);
    if (xml_attribute_is(config, "role", "judge"))
        return judge_main(config);
    if (xml_attribute_is(config, "role", "hang_server"))
        return hang_server_main(entrypoint, config);
    if (xml_attribute_is(config, "role", "hang_client"))
        return hang_client_main();
    if (xml_attribute_is(config, "role", "stuck"))
        return stuck_main();
    return life_main(entrypoint, config);
}
