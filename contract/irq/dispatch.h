/* SPDX-License-Identifier: MIT */
/*
 * IRQ, the server's half: requests are validated here, then the handlers are called. 
 */
#ifndef CONTRACT_IRQ_DISPATCH_H
#define CONTRACT_IRQ_DISPATCH_H

#include "contract/irq/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to irq_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct irq_handlers {
    enum status (*bind)(void *session, uint32_t notification, struct irq_line *out,
                        struct message_cap *interrupt);
    enum status (*msi)(void *session, struct irq_msi *out);
};

/* The status is the reply's label. */
[[nodiscard]] enum status irq_dispatch(const struct irq_handlers *handlers, void *session,
                                       struct dispatch *d);

#endif
