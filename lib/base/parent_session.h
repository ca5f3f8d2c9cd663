/* SPDX-License-Identifier: MIT */
/*
 * Typed calls to the parent, none of which waits; see contract/parent/wire.h. Most components use the blocking
 * session_open (lib/base/session.h) and struct service (lib/base/service.h) instead; init uses these.
 */
#ifndef LIB_BASE_PARENT_SESSION_H
#define LIB_BASE_PARENT_SESSION_H

#include "contract/parent/wire.h"
#include "lib/base/status.h"

#include <stdint.h>

[[nodiscard]] enum status parent_session_open(const struct parent_session_open *in, uint64_t *id);

/* ERR_AGAIN: not yet. *session is *given*. */
[[nodiscard]] enum status parent_session_get(uint64_t id, uint32_t *session);
[[nodiscard]] enum status parent_session_upgrade(uint64_t id, uint64_t ram, uint32_t caps);
/* *returned: what was lent to the session and comes back. */
[[nodiscard]] enum status parent_session_close(uint64_t id, struct parent_returned *returned);
[[nodiscard]] enum status parent_set_notification(enum parent_notification place, uint32_t notification);
[[nodiscard]] enum status parent_exit(int code);

[[nodiscard]] enum status parent_announce(const char *service);
/* The texts of the request end within their fields, whatever the parent sent. */
[[nodiscard]] enum status parent_request_next(struct parent_request *out);

/* `session` is CAP_NONE unless a CREATE succeeded. */
[[nodiscard]] enum status parent_request_deliver(const struct parent_request *request, enum status status,
                                                 uint32_t session);

[[nodiscard]] enum status parent_resource_request(uint64_t ram, uint32_t caps);
[[nodiscard]] enum status parent_control(struct parent_control *out);
[[nodiscard]] enum status parent_yielded(uint64_t ram, uint32_t caps);

#endif
