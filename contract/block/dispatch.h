/* SPDX-License-Identifier: MIT */
/*
 * BLOCK, the server's half: requests are validated here, then the handlers are called. The parts of a queue neither
 * overlap nor leave `size`; that this much lies in the dataspace is for the server to check.
 */
#ifndef CONTRACT_BLOCK_DISPATCH_H
#define CONTRACT_BLOCK_DISPATCH_H

#include "contract/block/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to block_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct block_handlers {
    enum status (*info)(void *session, struct block_info *out);
    enum status (*connect)(void *session, const struct block_connect *in, uint32_t dataspace,
                           uint32_t notification, struct message_cap *server_notification);
    enum status (*region_add)(void *session, const struct block_region_add *in, uint32_t dataspace,
                              struct block_region_id *out);
    enum status (*region_remove)(void *session, const struct block_region_id *in);
    enum status (*acknowledge)(void *session, const struct block_verifier *in);
};

/* The status is the reply's label. */
[[nodiscard]] enum status block_dispatch(const struct block_handlers *handlers, void *session,
                                         struct dispatch *d);

#endif
