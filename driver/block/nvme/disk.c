/* SPDX-License-Identifier: MIT */
/* See disk.h. */
#include "driver/block/nvme/disk.h"

#include "driver/block/nvme/data.h"

#define WRITE_ZEROES_BLOCKS 65536u
#define DISCARD_BLOCKS      (1u << 22)

/* Fields of a job that are ours. */
enum { JOB_TRIES, JOB_TICK };

static uint32_t least(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

static void limits_set(struct nvme_disk *disk)
{
    struct nvme_controller *controller = &disk->controller;
    uint32_t block_size = controller->space.block_size;
    uint32_t transfer_max = controller->sgl ? NVME_SGL_TRANSFER_MAX : 1u << 20;

    disk->device.limits = (struct block_limits){
        .size = controller->space.blocks * block_size,
        .block_size = block_size,
        .physical_block_size = block_size,
        .depth = controller->queues * (controller->depth - 1u),
        .transfer_max = least(least(controller->transfer_max, NVME_TRANSFER_MAX), transfer_max),
        .pieces_max = controller->sgl ? NVME_SGL_PIECES_MAX : 256,
        .alignment = 4,
        .boundary = controller->sgl ? 0 : NVME_PAGE, /* between the pages of a list there are no gaps */
        .discard_max = controller->deallocate ? (uint64_t)DISCARD_BLOCKS * block_size : 0,
        .discard_granularity = block_size,
        .write_zeroes_max = controller->write_zeroes ? (uint64_t)WRITE_ZEROES_BLOCKS * block_size : 0,
        .flags = (disk->fua ? (unsigned)BLOCK_HAS_FUA : 0) |
                 (controller->deallocate ? (unsigned)BLOCK_HAS_DISCARD : 0) |
                 (controller->write_zeroes ? (unsigned)BLOCK_HAS_WRITE_ZEROES : 0) |
                 (controller->space.read_only ? (unsigned)BLOCK_READ_ONLY : 0),
    };
}

void nvme_disk_init(struct nvme_disk *disk)
{
    limits_set(disk);
    disk->tick = disk->turn = disk->in_flight = 0;
    disk->dead = false;
}

/* ---- jobs become commands ---- */

static struct nvme_memory list_of(const struct nvme_disk *disk, unsigned queue, uint16_t slot)
{
    uint64_t offset = ((uint64_t)queue * disk->controller.depth + slot) * NVME_PAGE;

    return (struct nvme_memory){.address = (uint8_t *)disk->lists.address + offset,
                                .bus = disk->lists.bus + offset};
}

static void range_set(struct nvme_command *command, const struct block_job *job, uint32_t block_size)
{
    uint64_t first = job->offset / block_size;

    command->cdw10 = (uint32_t)first;
    command->cdw11 = (uint32_t)(first >> 32);
    command->cdw12 = (uint32_t)(job->length / block_size - 1) | (job->flags & BLOCK_FUA ? NVME_RW_FUA : 0);
}

static void discard_set(struct nvme_command *command, const struct block_job *job, uint32_t block_size,
                        struct nvme_memory list)
{
    *(struct nvme_range *)list.address = (struct nvme_range){.blocks = (uint32_t)(job->length / block_size),
                                                             .first = job->offset / block_size};
    command->cdw10 = 0; /* one range */
    command->cdw11 = NVME_DSM_DEALLOCATE;
    command->dptr[0] = list.bus;
}

static uint8_t opcode_of(enum block_operation operation)
{
    switch (operation) {
    case BLOCK_READ: return NVME_READ;
    case BLOCK_WRITE: return NVME_WRITE;
    case BLOCK_DISCARD: return NVME_DATASET_MANAGEMENT;
    case BLOCK_WRITE_ZEROES: return NVME_WRITE_ZEROES;
    default: return NVME_FLUSH;
    }
}

static enum status command_fill(struct nvme_disk *disk, const struct block_job *job, struct nvme_memory list,
                                struct nvme_command *command)
{
    uint32_t block_size = disk->controller.space.block_size;

    command->nsid = disk->controller.nsid;
    if (job->operation == BLOCK_FLUSH)
        return OK;
    if (job->operation == BLOCK_DISCARD) {
        discard_set(command, job, block_size, list);
        return OK;
    }
    range_set(command, job, block_size);
    return job->operation == BLOCK_WRITE_ZEROES ? OK : nvme_data(job, list, disk->controller.sgl, command);
}

/* Data that fit no command are the fault of a client that ignores the limits. A slot has been taken by then, so the command
   becomes a FLUSH, which harms nobody, and the job's status is kept for its completion. */
static void command_spoil(struct nvme_command *command, const struct nvme_disk *disk, struct block_job *job)
{
    uint32_t identifier = command->cdw0 & 0xffff0000;

    *command = (struct nvme_command){.cdw0 = identifier | NVME_FLUSH, .nsid = disk->controller.nsid};
    job->device_private[JOB_TRIES] = UINT64_MAX;
}

static bool issue(struct nvme_disk *disk, struct block_job *job)
{
    struct nvme_controller *controller = &disk->controller;

    for (unsigned i = 0; i < controller->queues; i++) {
        unsigned queue = disk->turn;
        uint16_t slot;
        struct nvme_command *command =
            nvme_queue_take(&controller->io[queue], job, opcode_of(job->operation), &slot);

        disk->turn = disk->turn + 1 == controller->queues ? 0 : disk->turn + 1;
        if (!command)
            continue;
        job->device_private[JOB_TICK] = disk->tick;
        if (command_fill(disk, job, list_of(disk, queue, slot), command) != OK)
            command_spoil(command, disk, job);
        return true;
    }
    return false;
}

enum status nvme_disk_submit(struct block_device *device, struct block_job *job)
{
    struct nvme_disk *disk = (struct nvme_disk *)device;

    if (disk->dead) {
        block_job_done(job, ERR_IO, 0);
        return OK;
    }
    job->device_private[JOB_TRIES] = 1;
    if (!issue(disk, job))
        return ERR_AGAIN;
    disk->in_flight++;
    return OK;
}

void nvme_disk_kick(struct block_device *device)
{
    struct nvme_disk *disk = (struct nvme_disk *)device;

    for (unsigned i = 0; i < disk->controller.queues; i++)
        nvme_queue_ring(&disk->controller.io[i]);
}

/* ---- completions ---- */

static enum status status_of(uint32_t status)
{
    if (NVME_SCT(status) == NVME_SCT_GENERIC && NVME_SC(status) == NVME_SC_LBA_RANGE)
        return ERR_RANGE;
    if (NVME_SCT(status) == NVME_SCT_GENERIC && NVME_SC(status) == NVME_SC_WRITE_PROTECTED)
        return ERR_DENIED;
    return ERR_IO;
}

static void end(struct nvme_disk *disk, struct block_job *job, enum status status)
{
    disk->in_flight--;
    if (status != OK)
        disk->errors++;
    block_job_done(job, status, status == OK ? job->length : 0);
}

static void failed(struct nvme_disk *disk, struct block_job *job, uint32_t status)
{
    /* A FLUSH is not: it would say of what the first one has dropped that it is durable (G7). */
    bool again =
        !NVME_DNR(status) && job->operation != BLOCK_FLUSH && job->device_private[JOB_TRIES] < NVME_TRIES;

    if (!again || !issue(disk, job)) {
        end(disk, job, status_of(status));
        return;
    }
    job->device_private[JOB_TRIES]++;
    disk->retries++;
}

void nvme_disk_complete(struct nvme_disk *disk, unsigned queue)
{
    struct nvme_queue *from = &disk->controller.io[queue];
    struct nvme_done done;

    while (nvme_queue_reap(from, &done)) {
        struct block_job *job = done.owner;

        if (job->device_private[JOB_TRIES] == UINT64_MAX)
            end(disk, job, ERR_INVALID);
        else if (NVME_FAILED(done.status))
            failed(disk, job, done.status);
        else
            end(disk, job, OK);
    }
    nvme_queue_acknowledge(from);
    nvme_disk_kick(&disk->device);
}

/* ---- what takes too long ---- */

/* Takes every job out of the slots. Nobody completes them meanwhile: the controller is stopped, or as good as dead. */
static unsigned jobs_collect(struct nvme_disk *disk, struct block_job **jobs)
{
    unsigned count = 0;

    for (unsigned q = 0; q < disk->controller.queues; q++)
        for (unsigned slot = 0; slot < disk->controller.depth - 1u; slot++) {
            void **owner = &disk->controller.io[q].owner_opt[slot];

            if (*owner)
                jobs[count++] = *owner;
            *owner = NULL;
        }
    return count;
}

static void reset(struct nvme_disk *disk)
{
    struct block_job *jobs[NVME_QUEUES_MAX * NVME_DEPTH_MAX];
    uint16_t depth = disk->controller.depth, queues = disk->controller.queues;
    unsigned count = jobs_collect(disk, jobs);

    disk->resets++;
    disk->turn = 0;
    /* A controller that comes back with less room than before is another one. */
    disk->dead = nvme_controller_start(&disk->controller) != OK || disk->controller.depth != depth ||
                 disk->controller.queues != queues;
    if (disk->dead)
        disk->isolate(disk);
    else
        limits_set(disk); /* news of the namespace are lost in a reset */
    block_server_check_memory(&disk->device);
    for (unsigned i = 0; i < count; i++) {
        bool again =
            !disk->dead && !block_job_gone(jobs[i]) && jobs[i]->device_private[JOB_TRIES] < NVME_TRIES;

        jobs[i]->device_private[JOB_TRIES]++;
        if (!again || !issue(disk, jobs[i]))
            end(disk, jobs[i], ERR_IO);
    }
    nvme_disk_kick(&disk->device);
}

static void complete_all(struct nvme_disk *disk)
{
    for (unsigned q = 0; q < disk->controller.queues; q++)
        nvme_disk_complete(disk, q);
}

/* A controller that is late with an admin command is no reason to call the namespace gone. */
bool nvme_disk_event(struct nvme_disk *disk)
{
    enum status status;

    nvme_controller_poll(&disk->controller);
    if (!disk->controller.event_pending || disk->dead)
        return false;
    status = nvme_controller_refresh(&disk->controller);
    if (status == OK) {
        limits_set(disk);
    } else if (status == ERR_TIMEOUT) {
        complete_all(disk);
        reset(disk);
    } else {
        disk->device.limits.flags |= BLOCK_GONE;
    }
    return true;
}

static bool any_late(const struct nvme_disk *disk)
{
    for (unsigned q = 0; q < disk->controller.queues; q++)
        for (unsigned slot = 0; slot < disk->controller.depth - 1u; slot++) {
            const struct block_job *job = disk->controller.io[q].owner_opt[slot];

            if (job && disk->tick - (uint32_t)job->device_private[JOB_TICK] >= disk->timeout)
                return true;
        }
    return false;
}

/* A controller that has failed by its own account, or was reset by somebody else, may have lost what was in its cache. */
bool nvme_disk_tick(struct nvme_disk *disk)
{
    bool broken;

    disk->tick++;
    if (disk->dead)
        return false;
    complete_all(disk);
    broken = nvme_controller_broken(&disk->controller);
    if (!broken && !any_late(disk))
        return false;
    if (broken && disk->controller.write_cache)
        disk->device.verifier++;
    reset(disk);
    return true;
}
