/* SPDX-License-Identifier: MIT */
/*
 * LOG, the server's half: requests are validated here, then the handlers are called. Text is passed on as it came: the server
 * decides what to do with control characters.
 */
#ifndef CONTRACT_LOG_DISPATCH_H
#define CONTRACT_LOG_DISPATCH_H

#include "contract/log/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to log_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct log_handlers {
    enum status (*write)(void *session, const char *text, size_t length);
};

/* The status is the reply's label. */
[[nodiscard]] enum status log_dispatch(const struct log_handlers *handlers, void *session,
                                       struct dispatch *d);

#endif
