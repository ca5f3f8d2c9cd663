/* SPDX-License-Identifier: MIT */
/*
 * TIMER, the server's half: requests are validated here, then the handlers are called. Handlers get
 * periods that are long enough.
 */
#ifndef CONTRACT_TIMER_DISPATCH_H
#define CONTRACT_TIMER_DISPATCH_H

#include "contract/timer/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to timer_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct timer_handlers {
    enum status (*now)(void *session, struct timer_now *out);
    enum status (*set_notification)(void *session, uint32_t notification);
    enum status (*one_shot)(void *session, const struct timer_one_shot *in);
    enum status (*periodic)(void *session, const struct timer_periodic *in);
    enum status (*cancel)(void *session);
};

/* The status is the reply's label. */
[[nodiscard]] enum status timer_dispatch(const struct timer_handlers *handlers, void *session,
                                         struct dispatch *d);

#endif
