/* SPDX-License-Identifier: MIT */
/* Core's services, tried by a program in init's place: see README.md. */
#include "test/core/core_test.h"

#include "lib/base/env.h"
#include "lib/base/log.h"

int component_main(struct env *environment)
{
    (void)environment;
    log_info("core_test begins");
    test_memory();
    test_domains();
    test_devices();
    test_fuzz();
    return test_end("core_test") ? 1 : 0;
}
