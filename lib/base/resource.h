/* SPDX-License-Identifier: MIT */
/*
 * Quota that comes and goes while the component runs, and heartbeats: what the parent tells by PARENT_CONTROL.
 *
 * Every component whose main entry point runs answers heartbeats and requests to give quota back by itself, between two
 * pieces of its own work. So a component that no longer gets there is one that its parent notices.
 */
#ifndef LIB_BASE_RESOURCE_H
#define LIB_BASE_RESOURCE_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct entrypoint;

/*
 * Asks the parent for more quota and waits for the answer. ERR_DENIED: refused. ERR_BUSY: another thread asks already.
 * ERR_UNSUPPORTED: this parent has nothing to give (core).
 */
[[nodiscard]] enum status resource_request(uint64_t ram, uint32_t caps);

/*
 * What the component does when its parent wants quota back, for example drops a cache: unused RAM of its own goes back in
 * any case. False: it refuses, and the parent decides whether it can go on. Runs on the main entry point.
 */
void resource_on_yield(bool (*give_back)(uint64_t ram, uint32_t caps));

/* Private to lib/base: the parent's wishes reach this entry point from now on. */
void resource_watch(struct entrypoint *entrypoint);

#endif
