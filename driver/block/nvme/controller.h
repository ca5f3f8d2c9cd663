/* SPDX-License-Identifier: MIT */
/*
 * The controller: from reset to I/O queues that work, and what it says about itself and one namespace.
 *
 * Start (NVMe 1.4, 7.6.1): disable, set the admin queue, enable, identify, agree on a number of queues, create them. The same is done
 * again after a controller that no longer answers: nothing but the memory of the queues is kept. Admin commands are
 * waited for; what the controller answers late, after a reset, it cannot answer at all, since its queues are new ones.
 */
#ifndef DRIVER_BLOCK_NVME_CONTROLLER_H
#define DRIVER_BLOCK_NVME_CONTROLLER_H

#include "driver/block/nvme/queue.h"
#include "lib/base/status.h"

#define NVME_QUEUES_MAX  8u
#define NVME_ADMIN_DEPTH 8u

struct nvme_namespace {
    uint64_t blocks;
    uint32_t block_size; /* bytes */
    bool read_only;
};

struct nvme_controller {
    struct nvme_hardware hardware;
    struct nvme_memory admin_memory, scratch;   /* nvme_queue_size(NVME_ADMIN_DEPTH); a page */
    struct nvme_memory memory[NVME_QUEUES_MAX]; /* nvme_queue_size(depth) each */
    uint32_t nsid;
    uint16_t depth;   /* of each I/O queue; cut to what the controller supports */
    uint16_t queues;  /* wanted; cut likewise */
    uint16_t vectors; /* interrupts; queue n has number n modulo this, the admin queue number 0 */

    /* found out */
    uint64_t cap;
    struct nvme_queue admin;
    struct nvme_queue io[NVME_QUEUES_MAX];
    struct nvme_namespace space;
    uint32_t transfer_max; /* bytes */
    bool sgl, deallocate, write_zeroes;
    bool write_cache;   /* completed writes are volatile */
    bool event_pending; /* an asynchronous event came: look again at the namespace */
    char model[41], serial[21];
    const char *problem_opt; /* why it did not start, or does not work any more */
};

/* The fields of the first block are filled in. On an error problem_opt says why: ERR_TIMEOUT, ERR_UNSUPPORTED, ERR_IO. */
[[nodiscard]] enum status nvme_controller_start(struct nvme_controller *controller);

/* Disabled: it reaches no memory any more. ERR_TIMEOUT: it does not say so. */
[[nodiscard]] enum status nvme_controller_stop(struct nvme_controller *controller);

/* What arrived in the admin queue by itself: sets event_pending. */
void nvme_controller_poll(struct nvme_controller *controller);

/* Reads the namespace anew and asks for the next event. ERR_TIMEOUT: only a reset helps; else the namespace cannot be used. */
[[nodiscard]] enum status nvme_controller_refresh(struct nvme_controller *controller);

/* It says that it has failed, or is not there any more. */
bool nvme_controller_broken(const struct nvme_controller *controller);

#endif
