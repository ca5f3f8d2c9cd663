/* SPDX-License-Identifier: MIT */
/*
 * TIMER, the client's half: time and signals from a timer server.
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE.
 */
#ifndef CONTRACT_TIMER_CLIENT_H
#define CONTRACT_TIMER_CLIENT_H

#include "contract/timer/wire.h"
#include "lib/base/status.h"

#include <stddef.h>
#include <stdint.h>

[[nodiscard]] enum status timer_now(uint32_t session, uint64_t *ns);
[[nodiscard]] enum status timer_set_notification(uint32_t session, uint32_t notification);
[[nodiscard]] enum status timer_one_shot(uint32_t session, uint64_t deadline_ns);
[[nodiscard]] enum status timer_periodic(uint32_t session, uint64_t first_ns, uint64_t period_ns);
[[nodiscard]] enum status timer_cancel(uint32_t session);

#endif
