/* SPDX-License-Identifier: MIT */
/*
 * PLATFORM, the client's half: the bare calls. Drivers use lib/device, which pays for what a call costs.
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE, ERR_NO_RAM and ERR_NO_CAPS.
 */
#ifndef CONTRACT_PLATFORM_CLIENT_H
#define CONTRACT_PLATFORM_CLIENT_H

#include "contract/platform/wire.h"
#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

[[nodiscard]] enum status platform_device(uint32_t session, struct platform_device *out);

/* *dataspace is *given*; attach it with lib/base/memory.h. */
[[nodiscard]] enum status platform_bar(uint32_t session, uint32_t index, struct platform_bar_range *out,
                                       uint32_t *dataspace);

/* The notification is *lent*, *interrupt is *given*: interrupt_ack (lib/base/interrupt.h). */
[[nodiscard]] enum status platform_interrupt(uint32_t session, uint32_t index, uint32_t notification,
                                             struct platform_interrupt *out, uint32_t *interrupt);
[[nodiscard]] enum status platform_config_read(uint32_t session, uint32_t offset, uint32_t width,
                                               uint32_t *value);
[[nodiscard]] enum status platform_bus_master(uint32_t session, bool on);
[[nodiscard]] enum status platform_reset(uint32_t session);

/* The dataspace is *lent*. */
[[nodiscard]] enum status platform_dma_map(uint32_t session, const struct platform_dma_map *in,
                                           uint32_t dataspace, struct platform_dma_mapping *out);
[[nodiscard]] enum status platform_dma_run(uint32_t session, const struct platform_dma_at *in,
                                           struct platform_dma_run *out);
[[nodiscard]] enum status platform_dma_unmap(uint32_t session, uint32_t id);

#endif
