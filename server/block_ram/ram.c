/* SPDX-License-Identifier: MIT */
/* A disk in memory; see ram.h. */
#include "server/block_ram/ram.h"

#include "lib/string/string.h"

/* The client may write there meanwhile: then the content is a mixture, as with any device. */
static void copy(uint8_t *content, const struct block_job *job)
{
    for (unsigned i = 0; i < job->piece_count; i++) {
        const struct block_piece *piece = &job->pieces[i];
        uint8_t *client = (uint8_t *)piece->region->address_opt + piece->offset;

        if (job->operation == BLOCK_READ)
            memcpy(client, content, piece->length);
        else
            memcpy(content, client, piece->length);
        content += piece->length;
    }
}

static enum status submit(struct block_device *device, struct block_job *job)
{
    struct ram_disk *disk = (struct ram_disk *)device;

    if (disk->burst >= RAM_BURST) {
        disk->refused = true;
        return ERR_AGAIN;
    }
    disk->burst += job->length;
    if (job->operation == BLOCK_READ || job->operation == BLOCK_WRITE)
        copy(disk->content_opt + job->offset, job);
    else if (job->operation == BLOCK_WRITE_ZEROES)
        memset(disk->content_opt + job->offset, 0, job->length);
    block_job_done(job, OK, job->length);
    return OK;
}

static enum status submit_null(struct block_device *device, struct block_job *job)
{
    (void)device;
    block_job_done(job, OK, job->length);
    return OK;
}

/* After a series of jobs. */
static void kick(struct block_device *device)
{
    struct ram_disk *disk = (struct ram_disk *)device;

    if (disk->refused)
        disk->tired(disk);
    disk->refused = false;
}

void ram_init(struct ram_disk *disk, uint8_t *content_opt, uint64_t size, uint32_t block_size, bool read_only,
              void (*tired)(struct ram_disk *disk))
{
    static const struct block_device_ops ram = {.submit = submit, .kick = kick};
    static const struct block_device_ops null = {.submit = submit_null};

    *disk = (struct ram_disk){.content_opt = content_opt, .tired = tired};
    disk->device.ops = content_opt ? &ram : &null;
    disk->device.limits = (struct block_limits){
        .size = size & ~(uint64_t)(block_size - 1),
        .block_size = block_size,
        .physical_block_size = block_size,
        .depth = RAM_DEPTH,
        .transfer_max = RAM_TRANSFER_MAX,
        .pieces_max = RAM_PIECES_MAX,
        .alignment = 1,
        .write_zeroes_max = RAM_TRANSFER_MAX,
        .flags = BLOCK_HAS_FUA | BLOCK_HAS_WRITE_ZEROES | (read_only ? BLOCK_READ_ONLY : 0),
    };
}

void ram_rested(struct ram_disk *disk)
{
    disk->burst = 0;
}
