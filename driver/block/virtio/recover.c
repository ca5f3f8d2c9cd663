/* SPDX-License-Identifier: MIT */
/* When things go wrong: lost interrupts, time-outs, resets, the end. See block.h. */
#include "driver/block/virtio/block.h"

/* The device holds nothing any more: each job ends. */
static void jobs_fail(struct virtio_block *block, enum status status)
{
    for (unsigned i = 0; i < block->depth; i++) {
        struct request *request = &block->requests[i];
        struct block_job *job = request->job_opt;
        if (!job)
            continue;
        request_free(block, request);
        block->in_flight--;
        block_job_done(job, status, 0);
    }
}

static void give_up(struct virtio_block *block, const char *reason)
{
    block->transport->stop(block->transport);
    block->counters.reason_opt = reason;
    block->state = DEVICE_LOST;
    block->device.limits.flags |= BLOCK_GONE;
    block->changed = true;
    jobs_fail(block, ERR_PEER_GONE);
}

static void reissue(struct virtio_block *block)
{
    for (unsigned i = 0; i < block->depth; i++) {
        struct request *request = &block->requests[i];
        struct block_job *job = request->job_opt;
        if (!job)
            continue;
        if (++request->attempts < ATTEMPTS_MAX && !block_job_gone(job) &&
            request_issue(block, request, request->queue) == OK)
            continue;
        request_free(block, request);
        block->in_flight--;
        block_job_done(job, ERR_IO, 0);
    }
    virtio_block_kick(block);
}

/* The device has been reset: brings it up again, as it was. */
static void restart(struct virtio_block *block)
{
    const char *reason = "";
    uint64_t size = block->device.limits.size;

    if (block->transport->rested(block->transport) != OK)
        return give_up(block, "it may not reach memory");
    block_server_check_memory(&block->device);
    if (device_negotiate(block, true, &reason) != OK || device_start(block, &reason) != OK)
        return give_up(block, reason);
    device_read_size(block);
    block->changed |= block->device.limits.size != size;
    block->state = DEVICE_RUNNING;
    reissue(block);
}

static void reset_continue(struct virtio_block *block)
{
    if (COMMON_READ(block->transport, device_status) == 0)
        return restart(block);
    if (block->now - block->reset_begun < RESET_TICKS)
        return;
    if (block->forced || block->transport->function_reset(block->transport) != OK)
        return give_up(block, "it cannot be reset");
    block->forced = true;
    block->reset_begun = block->now;
    COMMON_WRITE(block->transport, device_status, 0);
    if (COMMON_READ(block->transport, device_status) == 0)
        restart(block);
}

static bool needs_reset(struct virtio_block *block)
{
    return (COMMON_READ(block->transport, device_status) & VIRTIO_STATUS_NEEDS_RESET) != 0;
}

/* A device that has failed by its own account, whatever else made us look, may have lost what it had in its cache: clients are
   told by the verifier. */
void reset_begin(struct virtio_block *block, const char *reason)
{
    if ((block->features & VIRTIO_BLK_F_FLUSH) != 0 && needs_reset(block)) {
        block->device.verifier++;
        block->changed = true;
    }
    block->counters.resets++;
    block->counters.reason_opt = reason;
    block->state = DEVICE_RESETTING;
    block->reset_begun = block->now;
    block->forced = false;
    if (++block->resets_in_a_row > RESETS_MAX)
        return give_up(block, "it does not recover");
    COMMON_WRITE(block->transport, device_status, 0);
    reset_continue(block);
}

void virtio_block_config_interrupt(struct virtio_block *block)
{
    uint64_t size = block->device.limits.size;

    if (block->state != DEVICE_RUNNING)
        return;
    if (needs_reset(block))
        return reset_begin(block, "it says that it needs it");
    device_read_size(block);
    block->changed |= block->device.limits.size != size;
}

static bool too_late(const struct virtio_block *block)
{
    for (unsigned i = 0; i < block->depth; i++)
        if (block->requests[i].job_opt && block->now - block->requests[i].issued > block->timeout_ticks)
            return true;
    return false;
}

/* What got lost: an interrupt, or a notification. A request that waited until its time-out was seen with QEMU, probably since its
   translation leaves out fences on a machine with one processor (tcg_gen_mb), though its devices run beside it: our index and its
   event can cross, and both sides wait. */
static void queue_tick(struct virtio_block *block, unsigned queue)
{
    block->counters.ticked += virtio_block_interrupt(block, queue);
    if (block->state == DEVICE_RUNNING && block->queues[queue].ring.in_flight)
        block->transport->notify(block->transport, queue);
}

void virtio_block_tick(struct virtio_block *block)
{
    block->now++;
    if (block->state == DEVICE_RESETTING)
        return reset_continue(block);
    if (block->state != DEVICE_RUNNING)
        return;
    if (needs_reset(block))
        return reset_begin(block, "it says that it needs it");
    for (unsigned i = 0; i < block->queue_count && block->state == DEVICE_RUNNING; i++)
        queue_tick(block, i);
    if (block->state == DEVICE_RUNNING && too_late(block))
        reset_begin(block, "a request took too long");
}
