/* SPDX-License-Identifier: MIT */
/*
 * IO_PORT, the server's half: requests are validated here, then the handlers are called. 
 */
#ifndef CONTRACT_IO_PORT_DISPATCH_H
#define CONTRACT_IO_PORT_DISPATCH_H

#include "contract/io_port/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to io_port_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct io_port_handlers {
    enum status (*enable)(void *session, uint32_t pd_session, struct io_port_range *out);
};

/* The status is the reply's label. */
[[nodiscard]] enum status io_port_dispatch(const struct io_port_handlers *handlers, void *session,
                                           struct dispatch *d);

#endif
