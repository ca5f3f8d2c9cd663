/* SPDX-License-Identifier: MIT */
/* One port's disk as a BLOCK device: the port's core between the controller and the library of block servers. */
#ifndef DRIVER_BLOCK_AHCI_DISK_H
#define DRIVER_BLOCK_AHCI_DISK_H

#include "driver/block/ahci/controller.h"
#include "lib/base/entrypoint.h"

struct disk_settings {
    uint64_t port; /* DISK_ANY_PORT: the first one with a disk */
    uint64_t timeout_ms, tries;
    bool fua;
};

#define DISK_ANY_PORT UINT64_MAX

/* Looks for the disk, and waits until it is ready or there is none (ERR_NOT_FOUND); what was found is said in the log. */
[[nodiscard]] enum status disk_find(struct controller *controller, const struct disk_settings *settings);

/* Serves it on the entry point. */
[[nodiscard]] enum status disk_serve(struct entrypoint *entrypoint,
                                     enum status (*policy)(struct block_device *device, const char *label,
                                                           struct block_view *view));

#endif
