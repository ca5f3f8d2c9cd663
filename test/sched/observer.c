/* SPDX-License-Identifier: MIT */
/*
 * The component of the highest priority in scenario `priority`: it lets the others compute and call, and sees how long it
 * has to wait itself. Its clock is the time-stamp counter.
 */
#include "test/sched/parties.h"

int component_main(struct env *environment)
{
    (void)environment;
    parties_open();
    inversion();
    periods();
    turns();
    log_info("all is in its turn");
    return 0;
}
