/* SPDX-License-Identifier: MIT */
/*
 * Where a command's data are: Physical Region Pages (NVMe 1.4, 4.3), or a scatter-gather list (4.4) where pieces do not begin
 * and end with pages and the controller takes such lists.
 */
#ifndef DRIVER_BLOCK_NVME_DATA_H
#define DRIVER_BLOCK_NVME_DATA_H

#include "driver/block/nvme/nvme.h"
#include "lib/base/status.h"
#include "lib/block/server.h"

#include <stdbool.h>

#define NVME_PRP_LIST_ENTRIES (NVME_PAGE / 8)
#define NVME_SGL_ENTRIES      (NVME_PAGE / sizeof(struct nvme_sgl))
/* With the first page in the command itself. */
#define NVME_TRANSFER_MAX ((NVME_PRP_LIST_ENTRIES - 1) * NVME_PAGE)
/* By a scatter-gather list: a piece touches two pages more than it fills, and each page may be a run of its own on the bus. */
#define NVME_SGL_TRANSFER_MAX (512u << 10)
#define NVME_SGL_PIECES_MAX   64u
_Static_assert(NVME_SGL_TRANSFER_MAX / NVME_PAGE + 2 * NVME_SGL_PIECES_MAX <= NVME_SGL_ENTRIES,
               "a list is a page");

/* Fills in the command's data pointer; `list` is a page that belongs to the command's slot. ERR_UNSUPPORTED: neither form fits
   (a client that ignores the limits' alignment). The regions' mappings are struct device_mapping. */
[[nodiscard]] enum status nvme_data(const struct block_job *job, struct nvme_memory list, bool sgl,
                                    struct nvme_command *command);

#endif
