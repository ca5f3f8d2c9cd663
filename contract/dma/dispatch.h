/* SPDX-License-Identifier: MIT */
/*
 * DMA, the server's half: requests are validated here, then the handlers are called.
 */
#ifndef CONTRACT_DMA_DISPATCH_H
#define CONTRACT_DMA_DISPATCH_H

#include "contract/dma/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to dma_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct dma_handlers {
    enum status (*unit_add)(void *session, const struct dma_unit *in);
    enum status (*device_attach)(void *session, const struct dma_device *in, struct dma_protection *out);
    enum status (*device_detach)(void *session, const struct dma_device *in);
    enum status (*map)(void *session, const struct dma_map *in, uint32_t dataspace, struct dma_mapping *out);
    enum status (*run)(void *session, const struct dma_at *in, struct dma_run *out);
    enum status (*unmap)(void *session, uint32_t id);
    enum status (*fault)(void *session, struct dma_fault *out);
    enum status (*fault_notify)(void *session, uint32_t notification);
    enum status (*interrupts)(void *session, const struct dma_interrupts *in);
};

/* The status is the reply's label. */
[[nodiscard]] enum status dma_dispatch(const struct dma_handlers *handlers, void *session,
                                       struct dispatch *d);

#endif
