/* SPDX-License-Identifier: MIT */
/*
 * The driver in its component: device, memory, interrupts, clock and service; one for the whole component.
 */
#ifndef DRIVER_BLOCK_VIRTIO_DRIVER_H
#define DRIVER_BLOCK_VIRTIO_DRIVER_H

#include "lib/base/entrypoint.h"
#include "lib/base/status.h"
#include "lib/block/server.h"

#include <stdint.h>

struct driver_settings {
    uint64_t index;   /* of the functions that the platform driver's policy matches */
    uint64_t queues;  /* at most */
    uint64_t depth;   /* requests in the device at a time, at most */
    uint64_t timeout; /* seconds */
};

/* Opens the function and starts the device. Complaints are logged. */
[[nodiscard]] enum status driver_device_start(struct entrypoint *entrypoint,
                                              const struct driver_settings *settings);

/* Announces BLOCK; `policy`: see block_server_start. */
[[nodiscard]] enum status driver_service_start(struct entrypoint *entrypoint,
                                               enum status (*policy)(struct block_device *device,
                                                                     const char *label,
                                                                     struct block_view *view));

#endif
