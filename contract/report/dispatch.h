/* SPDX-License-Identifier: MIT */
/*
 * REPORT, the server's half: requests are validated here, then the handlers are called. Handlers get sizes within
 * REPORT_SIZE_MAX; whether a report fits what was connected is theirs to check.
 */
#ifndef CONTRACT_REPORT_DISPATCH_H
#define CONTRACT_REPORT_DISPATCH_H

#include "contract/report/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to report_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct report_handlers {
    enum status (*connect)(void *session, uint64_t size, uint32_t dataspace);
    enum status (*submit)(void *session, uint64_t length);
};

/* The status is the reply's label. */
[[nodiscard]] enum status report_dispatch(const struct report_handlers *handlers, void *session,
                                          struct dispatch *d);

#endif
