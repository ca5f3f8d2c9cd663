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
 * Core, as init's parent, has nothing left to give and refuses.
 */
[[nodiscard]] enum status resource_request(uint64_t ram, uint32_t caps);

#define RESOURCE_LATER UINT64_MAX

/*
 * What the component does when its parent wants quota back, for example drops a cache. It lowers the amounts to what it
 * agrees to; 0 refuses. The parent then takes what is unused. Without this everything unused may be taken. Runs on the
 * main entry point. With *ram = RESOURCE_LATER the component answers by itself, with parent_yielded(), within a second.
 */
void resource_on_yield(void (*give_back)(uint64_t *ram, uint32_t *caps));

/* For who asks by parent_resource_request and does not wait: called on the main entry point. */
void resource_on_answer(void (*answered)(bool granted));

/* Private to lib/base: the parent's wishes reach this entry point from now on. */
void resource_watch(struct entrypoint *entrypoint);

#endif
