/* SPDX-License-Identifier: MIT */
/*
 * A namespace as a block device: jobs become commands, completions end them, and what goes wrong is tried again.
 *
 * Jobs are dealt out over the queues in turn. A command that fails is sent again unless it is a FLUSH or the controller says that this
 * makes no sense (DNR), and at most NVME_TRIES times. Once a second, while anything is in flight, nvme_disk_tick() looks for commands that take too long: completions
 * without interrupt are found by that; else the controller is reset, and everything that was in flight is sent again.
 *
 * Invariant: each slot in use of an I/O queue belongs to one job, which is in the device (lib/block/server.h), and each job in the
 * device is in exactly one slot, or its block_job_done() is being called.
 */
#ifndef DRIVER_BLOCK_NVME_DISK_H
#define DRIVER_BLOCK_NVME_DISK_H

#include "driver/block/nvme/controller.h"
#include "lib/block/server.h"

#define NVME_TRIES 4u

struct nvme_disk {
    struct block_device device; /* first member */
    struct nvme_controller controller;
    struct nvme_memory lists; /* a page for each slot of each queue */
    bool fua;         /* writes with FUA are the controller's; else lib/block makes them of WRITE and FLUSH */
    uint32_t timeout; /* ticks, at least 2 */
    void (*isolate)(
        struct nvme_disk *disk); /* no reset helped: the controller must reach no memory any more */

    uint32_t tick;
    uint32_t turn;      /* queue that is next */
    uint32_t in_flight; /* jobs */
    bool dead;          /* no reset helped: everything fails */
    uint64_t resets, retries, errors;
};

/* The controller has been started: limits and ops. region_map and region_unmap are the caller's. */
void nvme_disk_init(struct nvme_disk *disk);

/* block_device_ops. */
[[nodiscard]] enum status nvme_disk_submit(struct block_device *device, struct block_job *job);
void nvme_disk_kick(struct block_device *device);

/* Ends the jobs of a queue that are complete; the caller settles. */
void nvme_disk_complete(struct nvme_disk *disk, unsigned queue);

/* An interrupt of the admin queue (which shares its vector with I/O queue 0): true if the limits may have changed. */
[[nodiscard]] bool nvme_disk_event(struct nvme_disk *disk);

/* Once a second while something is in flight. True: it was reset; the caller shall say what happened (controller.problem_opt), and
   that limits and verifier may have changed. */
[[nodiscard]] bool nvme_disk_tick(struct nvme_disk *disk);

#endif
