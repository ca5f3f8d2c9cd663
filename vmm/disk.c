/* SPDX-License-Identifier: MIT */
/* See disk.h. */
#include "vmm/disk.h"

#include "lib/base/log.h"
#include "lib/block/quota.h"
#include "lib/fmt/status_text.h"

#define BOUNCE_ALL     (4u << 20)   /* bytes, if everything goes through the buffer */
#define BOUNCE_SOME    (256u << 10) /* else for what is not aligned as the server wants it */
#define COMPLAINTS_MAX 16u          /* about the guest, for as long as it lives */

/* ---- one request ---- */

static enum block_operation operation_of(uint32_t type)
{
    switch (type) {
    case VIRTIO_BLK_T_IN: return BLOCK_READ;
    case VIRTIO_BLK_T_OUT: return BLOCK_WRITE;
    case VIRTIO_BLK_T_FLUSH: return BLOCK_FLUSH;
    case VIRTIO_BLK_T_DISCARD: return BLOCK_DISCARD;
    default: return BLOCK_WRITE_ZEROES;
    }
}

static enum virtio_blk_status result_of(enum status status)
{
    switch (status) {
    case OK: return VIRTIO_BLK_S_OK;
    case ERR_UNSUPPORTED: return VIRTIO_BLK_S_UNSUPP;
    default: return VIRTIO_BLK_S_IOERR;
    }
}

static void done(struct block_request *request)
{
    struct disk_request *own = (struct disk_request *)request;
    struct disk *disk = own->disk;

    if (request->operation == BLOCK_FLUSH && request->status == ERR_LOST)
        disk->told = block_client_losses(&disk->client);
    own->next = NULL;
    *disk->finished_end = own;
    disk->finished_end = &own->next;
    entrypoint_defer(disk->machine->entrypoint, &disk->work);
}

/* The monitor's view of guest RAM is one attachment of its dataspace. */
static void submit(struct virtio_blk *blk, struct virtio_blk_request *of)
{
    struct disk *disk = (struct disk *)blk;
    struct disk_request *own = &disk->request[of - blk->request];

    for (unsigned i = 0; i < of->piece_count; i++)
        own->pieces[i] = (struct block_client_piece){
            .region = disk->region,
            .length = of->pieces[i].length,
            .offset = (uint64_t)(of->pieces[i].pointer - disk->machine->ram->low),
        };
    own->request.operation = operation_of(of->type); /* what is always the same is there: disk_open */
    own->request.flags = of->durable ? BLOCK_FUA : 0;
    own->request.offset = of->offset;
    own->request.length = of->length;
    own->request.piece_count = of->piece_count;
    disk->requests++;
    disk->flushes += of->type == VIRTIO_BLK_T_FLUSH;
    block_client_submit(&disk->client, &own->request);
}

/* ---- the work ---- */

static void wanted(struct virtio_blk *blk)
{
    struct disk *disk = (struct disk *)blk;

    entrypoint_defer(disk->machine->entrypoint, &disk->work);
}

/* A loss ends for the server when the guest has been told, which is by this FLUSH: if the guest gets it (a device that is being reset
   returns nothing), and nothing more was lost since it failed. */
static void give_back(struct disk *disk, const struct disk_request *own, bool *acknowledge)
{
    enum status status = own->request.status;

    disk->errors += status != OK;
    if (status == ERR_LOST && own->request.operation == BLOCK_FLUSH && virtio_pci_runs(&disk->blk.virtio) &&
        disk->told == block_client_losses(&disk->client))
        *acknowledge = true;
    virtio_blk_done(&disk->blk, own->of, result_of(status));
}

static void complain(struct disk *disk, const char *reason_opt)
{
    if (!reason_opt || reason_opt == disk->reason_opt || disk->complaints++ >= COMPLAINTS_MAX)
        return;
    disk->reason_opt = reason_opt;
    log_error("disk \"%s\": the guest has broken its queue: %s", disk->config->name, reason_opt);
}

static void work(struct deferred *deferred)
{
    struct disk *disk = (struct disk *)((char *)deferred - offsetof(struct disk, work));
    struct disk_request *own = disk->finished;
    bool acknowledge = false;
    const char *reason_opt;

    disk->finished = NULL;
    disk->finished_end = &disk->finished;
    disk->machine->enter();
    for (; own; own = own->next)
        give_back(disk, own, &acknowledge);
    virtio_blk_service(&disk->blk);
    reason_opt = disk->blk.virtio.reason_opt;
    disk->machine->leave();
    if (acknowledge) {
        log_error("disk \"%s\": writes may be lost, and the guest has been told by a failed flush",
                  disk->config->name);
        block_client_acknowledge(&disk->client);
    }
    block_client_kick(&disk->client);
    complain(disk, reason_opt);
}

/* ---- limits ---- */

static struct virtio_blk_limits limits_of(const struct disk *disk)
{
    const struct block_info *info = block_client_info(&disk->client);
    bool zeroes = info->flags & BLOCK_HAS_WRITE_ZEROES, discard = info->flags & BLOCK_HAS_DISCARD;

    return (struct virtio_blk_limits){
        .size = info->size,
        .block_size = info->block_size,
        .physical_block_size = info->physical_block_size,
        .pieces_max = info->segments_max < BLOCK_CLIENT_SEGMENTS ? info->segments_max : BLOCK_CLIENT_SEGMENTS,
        .piece_max = info->transfer_max,
        .discard_max = discard ? info->discard_max : 0,
        .discard_granularity = info->discard_granularity,
        .write_zeroes_max = zeroes ? info->write_zeroes_max : 0,
        .read_only = disk->config->read_only || info->flags & BLOCK_READ_ONLY,
    };
}

static void changed(struct block_client *client)
{
    struct disk *disk = client->context;
    struct virtio_blk_limits limits = limits_of(disk);

    if (!disk->ready)
        return;
    if (block_client_lost(client))
        log_error("disk \"%s\": its server died or was changed: writes that were not flushed may be lost",
                  disk->config->name);
    if (limits.size == disk->blk.limits.size && limits.read_only == disk->blk.limits.read_only)
        return;
    log_info("disk \"%s\": now %lu KiB%s", disk->config->name, limits.size >> 10,
             limits.read_only ? ", read-only" : "");
    disk->machine->enter();
    virtio_blk_changed(&disk->blk, &limits);
    disk->machine->leave();
}

/* ---- opening ---- */

static bool failed(const struct disk *disk, enum status status, const char *what)
{
    if (status != OK)
        log_error("disk \"%s\", label \"%s\": %s: %s", disk->config->name, disk->config->label, what,
                  status_text(status));
    return status != OK;
}

static void *translate(void *context, uint64_t address, uint64_t length, bool write)
{
    (void)write;
    return guest_ram_at(((struct disk *)context)->machine->ram, address, length);
}

static bool session_open_and_register(struct disk *disk)
{
    const struct disk_machine *machine = disk->machine;
    uint64_t ram_size = machine->ram->low_size + machine->ram->high_size;
    struct block_client_options options = {
        .label_opt = disk->config->label,
        .args_opt = disk->config->read_only ? "write=no" : NULL,
        .ram = disk->config->bounce ? 1 : block_attach_ram(ram_size),
        .entrypoint = machine->entrypoint,
        .depth = VIRTIO_BLK_REQUESTS,
        .bounce = disk->config->bounce ? BOUNCE_ALL : BOUNCE_SOME,
        .bounce_always = disk->config->bounce,
        .restart = true,
        .changed_opt = changed,
    };

    disk->client.context = disk;
    if (failed(disk, block_client_open(&disk->client, &options), "BLOCK session"))
        return false;
    return !failed(
        disk,
        block_client_region_add(&disk->client, machine->ram_dataspace, 0, ram_size, true, &disk->region),
        "guest RAM cannot be registered");
}

bool disk_open(struct disk *disk, const struct config_disk *config, const struct disk_machine *machine)
{
    struct virtio_blk_dependencies with = {
        .name = config->name,
        .bus = machine->bus,
        .apics = machine->apics,
        .ram = {.translate = translate, .context = disk},
        .queues = (unsigned)config->queues,
        .wanted = wanted,
        .submit = submit,
    };

    disk->config = config;
    disk->machine = machine;
    disk->work.run = work;
    disk->finished_end = &disk->finished;
    for (unsigned i = 0; i < VIRTIO_BLK_REQUESTS; i++) {
        struct disk_request *own = &disk->request[i];

        *own = (struct disk_request){.disk = disk, .of = &disk->blk.request[i]};
        own->request.pieces = own->pieces;
        own->request.done = done;
    }
    if (!session_open_and_register(disk))
        return false;
    struct virtio_blk_limits limits = limits_of(disk);
    if (failed(disk, virtio_blk_init(&disk->blk, &with, &limits), "no place on the PCI bus"))
        return false;
    disk->ready = true;
    log_info("disk \"%s\": %lu KiB in blocks of %u%s%s", config->name, limits.size >> 10, limits.block_size,
             limits.read_only ? ", read-only" : "", config->bounce ? ", bounced" : "");
    return true;
}
