/* SPDX-License-Identifier: MIT */
/*
 * TERMINAL, the server's half: requests are validated here, then the handlers are called. The two
 * rings neither overlap nor leave TERMINAL_MEMORY_MAX; that they lie in the dataspace is for the server to check.
 */
#ifndef CONTRACT_TERMINAL_DISPATCH_H
#define CONTRACT_TERMINAL_DISPATCH_H

#include "contract/terminal/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to terminal_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct terminal_handlers {
    enum status (*connect)(void *session, const struct terminal_connect *in, uint32_t dataspace,
                           uint32_t notification, struct message_cap *server_notification);
    enum status (*size)(void *session, struct terminal_size *out);
};

/* The status is the reply's label. */
[[nodiscard]] enum status terminal_dispatch(const struct terminal_handlers *handlers, void *session,
                                            struct dispatch *d);

#endif
