/* SPDX-License-Identifier: MIT */
/*
 * IO_MEM, the server's half: requests are validated here, then the handlers are called. 
 */
#ifndef CONTRACT_IO_MEM_DISPATCH_H
#define CONTRACT_IO_MEM_DISPATCH_H

#include "contract/io_mem/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to io_mem_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct io_mem_handlers {
    enum status (*dataspace)(void *session, struct io_mem_range *out, struct message_cap *dataspace);
};

/* The status is the reply's label. */
[[nodiscard]] enum status io_mem_dispatch(const struct io_mem_handlers *handlers, void *session,
                                          struct dispatch *d);

#endif
