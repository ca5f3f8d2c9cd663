/* SPDX-License-Identifier: MIT */
/*
 * The disk on its hardware: registers, memory and interrupts from the platform driver, the BLOCK service for clients.
 */
#ifndef DRIVER_BLOCK_NVME_DRIVER_H
#define DRIVER_BLOCK_NVME_DRIVER_H

#include "lib/base/entrypoint.h"
#include "lib/base/status.h"
#include "lib/block/server.h"

#include <stdbool.h>
#include <stdint.h>

struct nvme_settings {
    uint64_t index; /* of the functions that the platform driver's policy gives us */
    uint64_t nsid;
    uint64_t queues, depth;
    uint64_t timeout; /* seconds */
    bool fua;
};

/* Brings the controller up and announces the service. What fails has been said in the log. */
[[nodiscard]] enum status driver_start(const struct nvme_settings *settings, struct entrypoint *entrypoint,
                                       enum status (*policy)(struct block_device *device, const char *label,
                                                             struct block_view *view));

#endif
