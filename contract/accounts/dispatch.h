/* SPDX-License-Identifier: MIT */
/*
 * ACCOUNTS, the server's half: requests are validated here, then the handlers are called.
 */
#ifndef CONTRACT_ACCOUNTS_DISPATCH_H
#define CONTRACT_ACCOUNTS_DISPATCH_H

#include "contract/accounts/wire.h"
#include "lib/base/dispatch.h"

struct accounts_handlers {
    enum status (*system)(void *session, struct accounts_system *out);
    enum status (*next)(void *session, uint64_t after, struct accounts_session *out);
};

/* The status is the reply's label. */
[[nodiscard]] enum status accounts_dispatch(const struct accounts_handlers *handlers, void *session,
                                            struct dispatch *d);

#endif
