/* SPDX-License-Identifier: MIT */
/* The two disks: the one that clients get to see, and the one of the record. */
#include "server/block_fault/server.h"

#include "lib/base/log.h"
#include "lib/base/time.h"
#include "lib/block/quota.h"
#include "lib/fmt/status_text.h"

#define BUFFERS_SIZE (((uint64_t)FAULT_DEPTH * FAULT_SLOT + 4095) & ~(uint64_t)4095)
#define RECORD_SIZE  (2ull << 20)
#define BOUNCE       (64u << 10) /* for parts that a disk does not take as they lie */

static void take_limits(struct fault_server *server)
{
    const struct block_info *info = block_client_info(&server->disk);

    server->device.limits = (struct block_limits){
        .size = info->size,
        .block_size = info->block_size,
        .physical_block_size = info->physical_block_size,
        .depth = FAULT_DEPTH,
        .transfer_max = FAULT_TRANSFER,
        .pieces_max = 64,
        .alignment = 1,
        .discard_max = info->discard_max,
        .discard_granularity = info->discard_granularity,
        .write_zeroes_max = info->write_zeroes_max,
        .flags = info->flags &
                 (BLOCK_READ_ONLY | BLOCK_HAS_FUA | BLOCK_HAS_DISCARD | BLOCK_HAS_WRITE_ZEROES | BLOCK_GONE),
    };
    /* We keep nothing that the disk does not. Not that of INFO, which may come later than a completion's. */
    server->device.verifier = server->disk.core.verifier;
}

static void changed(struct block_client *client)
{
    struct fault_server *server =
        (struct fault_server *)((char *)client - offsetof(struct fault_server, disk));
    uint64_t verifier = server->device.verifier;

    if (!server->device.server) /* not yet */
        return;
    take_limits(server);
    if (server->device.verifier != verifier)
        fault_lost(&server->fault);
    if (block_client_lost(client))
        block_client_acknowledge(client); /* our clients have to, from now on */
    block_server_changed(&server->device);
}

static enum status open_disk(struct fault_server *server, const char *label,
                             void (*changed_opt)(struct block_client *), uint64_t size,
                             struct block_client *client)
{
    struct block_client_options options = {.label_opt = label,
                                           .ram = block_attach_ram(size),
                                           .entrypoint = server->entrypoint,
                                           .bounce = BOUNCE,
                                           .restart = true,
                                           .changed_opt = changed_opt};
    enum status status = block_client_open(client, &options);

    if (status != OK)
        log_error("no disk \"%s\": %s", label, status_text(status));
    return status;
}

static enum status region_make(struct block_client *client, uint64_t size, struct memory *memory,
                               uint32_t *region)
{
    enum status status = memory_alloc(size, memory);

    if (status == OK)
        status = block_client_region_add(client, memory->dataspace, 0, size, true, region);
    return status;
}

enum status disk_start(struct fault_server *server)
{
    struct fault *fault = &server->fault;
    enum status status = open_disk(server, "disk", changed, BUFFERS_SIZE, &server->disk);

    if (status == OK)
        status = region_make(&server->disk, BUFFERS_SIZE, &server->buffers, &fault->region);
    if (status != OK)
        return status;
    fault->disk = &server->disk;
    fault->buffers = server->buffers.address;
    take_limits(server);
    return OK;
}

/* ---- the record ---- */

static void moved(struct record *record)
{
    struct fault_server *server = record->context;

    block_client_kick(&server->log);
    if (server->fault.refused)
        entrypoint_defer(server->entrypoint, &server->settle);
}

static void record_failed(struct record *record, const char *why)
{
    log_error("%s: the record ends after %llu entries", why, (unsigned long long)record->sequence);
}

enum status log_start(struct fault_server *server)
{
    const struct block_info *info = block_client_info(&server->disk);
    struct record *record = &server->fault.record;
    enum status status = open_disk(server, "log", NULL, RECORD_SIZE, &server->log);

    if (status == OK)
        status = region_make(&server->log, RECORD_SIZE, &server->record, &record->region);
    if (status != OK)
        return status;
    if (block_client_info(&server->log)->block_size != RECORD_UNIT) {
        log_error("the log disk must have blocks of %u bytes", RECORD_UNIT);
        return ERR_UNSUPPORTED;
    }
    record->log_opt = &server->log;
    record->buffer = server->record.address;
    record->size = (uint32_t)RECORD_SIZE;
    record->room = block_client_info(&server->log)->size;
    record->run = time_now();
    record->context = server;
    record->moved = moved;
    record->failed = record_failed;
    record_start(record, info->size, info->block_size, server->fault.now());
    return OK;
}
