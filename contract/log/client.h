/* SPDX-License-Identifier: MIT */
/*
 * LOG, the client's half: writing text. A component's own messages go through lib/base/log.h.
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE.
 */
#ifndef CONTRACT_LOG_CLIENT_H
#define CONTRACT_LOG_CLIENT_H

#include "contract/log/wire.h"
#include "lib/base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Any length; goes out in chunks of LOG_TEXT_MAX. */
[[nodiscard]] enum status log_session_write(uint32_t session, const char *text, size_t length);

#endif
