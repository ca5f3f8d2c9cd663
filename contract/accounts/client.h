/* SPDX-License-Identifier: MIT */
/*
 * ACCOUNTS, the client's half. `session` is the slot of the session's capability.
 */
#ifndef CONTRACT_ACCOUNTS_CLIENT_H
#define CONTRACT_ACCOUNTS_CLIENT_H

#include "contract/accounts/wire.h"
#include "lib/base/status.h"

#include <stdint.h>

[[nodiscard]] enum status accounts_system(uint32_t session, struct accounts_system *out);

/* The session opened next after the one with this id (0: the first). ERR_NOT_FOUND: none. */
[[nodiscard]] enum status accounts_next(uint32_t session, uint64_t after, struct accounts_session *out);

#endif
