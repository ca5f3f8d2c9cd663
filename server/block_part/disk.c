/* SPDX-License-Identifier: MIT */
/* See disk.h. */
#include "server/block_part/disk.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/block/client.h"
#include "lib/string/string.h"

#define DISK_DEPTH   2u
#define EXIT_NO_DISK 3

static struct block_client client;
static struct memory buffer; /* one block */
static uint32_t region;

static void changed(struct block_client *changed_client)
{
    if (!(block_client_info(changed_client)->flags & BLOCK_GONE))
        return;
    log_info("the disk's server has gone");
    component_exit(EXIT_NO_DISK);
}

enum status disk_open(struct entrypoint *entrypoint)
{
    struct block_client_options options = {.label_opt = "table",
                                           .args_opt = "write=no",
                                           .entrypoint = entrypoint,
                                           .depth = DISK_DEPTH,
                                           .changed_opt = changed};
    enum status status = block_client_open(&client, &options);

    if (status == OK)
        status = memory_alloc(TABLE_BLOCK_MAX, &buffer);
    if (status == OK)
        status = block_client_region_add(&client, buffer.dataspace, 0, buffer.size, true, &region);
    return status;
}

uint64_t disk_size(void)
{
    return block_client_info(&client)->size;
}

static enum status disk_read(void *context, uint64_t offset, uint32_t length, void *out)
{
    struct block_client_piece piece = {.region = region, .length = length};
    struct block_request request = {
        .operation = BLOCK_READ, .offset = offset, .length = length, .pieces = &piece, .piece_count = 1};
    enum status status = block_client_do(&client, &request);

    (void)context;
    if (status == OK)
        memcpy(out, buffer.address, length);
    return status;
}

enum status disk_table(struct table *out)
{
    const struct block_info *info = block_client_info(&client);
    struct table_disk disk = {.size = info->size,
                              .block_size = info->block_size,
                              .physical_block_size = info->physical_block_size,
                              .read = disk_read};

    return table_read(&disk, out);
}
