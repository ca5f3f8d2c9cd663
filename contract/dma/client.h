/* SPDX-License-Identifier: MIT */
/*
 * DMA, the client's half: the memory that devices may reach, for the platform driver.
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE, and those that make something
 * ERR_NO_RAM and ERR_NO_CAPS: upgrade the session and repeat.
 */
#ifndef CONTRACT_DMA_CLIENT_H
#define CONTRACT_DMA_CLIENT_H

#include "contract/dma/wire.h"
#include "lib/base/status.h"

#include <stdint.h>

/* What a session lends to core at first: its notes, and with an IOMMU an account and the first page tables. */
#define DMA_SESSION_RAM  (12u * 4096u)
#define DMA_SESSION_CAPS 4u

[[nodiscard]] enum status dma_unit_add(uint32_t session, const struct dma_unit *in);
[[nodiscard]] enum status dma_interrupts(uint32_t session, const struct dma_interrupts *in);
[[nodiscard]] enum status dma_device_attach(uint32_t session, const struct dma_device *in,
                                            struct dma_protection *out);
[[nodiscard]] enum status dma_device_detach(uint32_t session, const struct dma_device *in);

/* The dataspace is *lent*: it stays its owner's, and may die before the mapping. */
[[nodiscard]] enum status dma_map(uint32_t session, uint32_t dataspace, const struct dma_map *in,
                                  struct dma_mapping *out);
[[nodiscard]] enum status dma_run(uint32_t session, const struct dma_at *in, struct dma_run *out);
[[nodiscard]] enum status dma_unmap(uint32_t session, uint32_t id);

[[nodiscard]] enum status dma_fault(uint32_t session, struct dma_fault *out);
/* The notification is signalled when there is a fault to be read. */
[[nodiscard]] enum status dma_fault_notify(uint32_t session, uint32_t notification);

#endif
