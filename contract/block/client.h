/* SPDX-License-Identifier: MIT */
/*
 * BLOCK, the client's half of its calls; what moves in the queue needs none (lib/block/client.h).
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE.
 */
#ifndef CONTRACT_BLOCK_CLIENT_H
#define CONTRACT_BLOCK_CLIENT_H

#include "contract/block/wire.h"
#include "lib/base/status.h"

#include <stdint.h>

[[nodiscard]] enum status block_info(uint32_t session, struct block_info *out);

/* `notification` is signalled by the server; *server_notification (*given*) is for signalling the server. ERR_AGAIN: requests of
   the queue before are in the device. ERR_NO_RAM: lend more (lib/block/quota.h). */
[[nodiscard]] enum status block_connect(uint32_t session, const struct block_connect *layout,
                                        uint32_t dataspace, uint32_t notification,
                                        uint32_t *server_notification);

/* ERR_OVERFLOW: BLOCK_REGIONS_MAX are registered. ERR_NO_RAM as above. */
[[nodiscard]] enum status block_region_add(uint32_t session, const struct block_region_add *region,
                                           uint32_t dataspace, uint32_t *id);
/* ERR_NOT_FOUND: no such region. ERR_BUSY: requests in flight use it. */
[[nodiscard]] enum status block_region_remove(uint32_t session, uint32_t id);

/* ERR_LOST: this is not the present verifier. */
[[nodiscard]] enum status block_acknowledge(uint32_t session, uint64_t verifier);

#endif
