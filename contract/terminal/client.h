/* SPDX-License-Identifier: MIT */
/*
 * TERMINAL, the client's half: connecting the rings; what moves in them needs no call.
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE.
 */
#ifndef CONTRACT_TERMINAL_CLIENT_H
#define CONTRACT_TERMINAL_CLIENT_H

#include "contract/terminal/wire.h"
#include "lib/base/status.h"

#include <stddef.h>
#include <stdint.h>

/* `notification` is signalled by the server; *server_notification (*given*) is for signalling the server. */
[[nodiscard]] enum status terminal_connect(uint32_t session, const struct terminal_connect *layout,
                                           uint32_t dataspace, uint32_t notification,
                                           uint32_t *server_notification);
[[nodiscard]] enum status terminal_size(uint32_t session, struct terminal_size *out);

#endif
