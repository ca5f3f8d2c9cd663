/* SPDX-License-Identifier: MIT */
/*
 * ROM, the server's half: requests are validated here, then the handlers are called. Both handlers
 * see no data from the client but a capability.
 */
#ifndef CONTRACT_ROM_DISPATCH_H
#define CONTRACT_ROM_DISPATCH_H

#include "contract/rom/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to rom_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct rom_handlers {
    enum status (*dataspace)(void *session, struct rom_dataspace *out, struct message_cap *dataspace);
    enum status (*set_notification)(void *session, uint32_t notification);
};

/* The status is the reply's label. */
[[nodiscard]] enum status rom_dispatch(const struct rom_handlers *handlers, void *session,
                                       struct dispatch *d);

#endif
