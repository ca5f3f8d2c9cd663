/* SPDX-License-Identifier: MIT */
/*
 * PLATFORM, the server's half: requests are validated here, then the handlers are called.
 */
#ifndef CONTRACT_PLATFORM_DISPATCH_H
#define CONTRACT_PLATFORM_DISPATCH_H

#include "contract/platform/wire.h"
#include "lib/base/dispatch.h"

#include <stdbool.h>

/* `session` is what was given to platform_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct platform_handlers {
    enum status (*device)(void *session, struct platform_device *out);
    /* index < PLATFORM_BARS */
    enum status (*bar)(void *session, unsigned index, struct platform_bar_range *out,
                       struct message_cap *dataspace);
    enum status (*interrupt)(void *session, uint32_t index, uint32_t notification,
                             struct platform_interrupt *out, struct message_cap *interrupt);
    /* Width 1, 2 or 4, aligned and inside PLATFORM_CONFIG_SIZE. */
    enum status (*config_read)(void *session, unsigned offset, unsigned width, uint64_t *value);
    enum status (*bus_master)(void *session, bool on);
    enum status (*reset)(void *session);
    /* Whole pages, at least one, no wrap. */
    enum status (*dma_map)(void *session, const struct platform_dma_map *in, uint32_t dataspace,
                           struct platform_dma_mapping *out);
    enum status (*dma_run)(void *session, const struct platform_dma_at *in, struct platform_dma_run *out);
    enum status (*dma_unmap)(void *session, uint32_t id);
};

/* The status is the reply's label. */
[[nodiscard]] enum status platform_dispatch(const struct platform_handlers *handlers, void *session,
                                            struct dispatch *d);

#endif
