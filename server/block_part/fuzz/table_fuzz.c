/* SPDX-License-Identifier: MIT */
/*
 * Any disk: the input says the size of blocks, seals a GPT's checksums if it likes, and is laid over the disk's first and last
 * blocks. What the reader calls good must be inside the disk and free of overlaps.
 */
#include "server/block_part/test/image.h"

#include <stdlib.h>

#define SIZE (256u * 4096)

static uint8_t bytes[SIZE];

static void check_good(const struct table *table, const struct table_disk *disk)
{
    for (uint32_t i = 0; i < table->count; i++) {
        const struct partition *a = &table->partition[i];

        if (!memchr(a->name, 0, sizeof(a->name)) || !memchr(a->uuid, 0, sizeof(a->uuid)))
            abort();
        if (a->problem_opt)
            continue;
        if (!a->size || a->offset % disk->block_size || a->size % disk->block_size ||
            a->offset < disk->block_size || !range_ok(a->offset, a->size, disk->size))
            abort();
        for (uint32_t k = 0; k < i; k++) {
            const struct partition *b = &table->partition[k];

            if (!b->problem_opt && a->offset < b->offset + b->size && b->offset < a->offset + a->size)
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct table table;
    struct image image = {.bytes = bytes, .size = SIZE};

    if (size < 1)
        return 0;
    uint32_t block_size = data[0] & 1 ? 4096 : 512;
    struct table_disk disk = image_disk(&image, block_size);
    size_t length = size - 1 < SIZE / 2 ? size - 1 : SIZE / 2;

    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes + (data[0] & 2 ? 2 * block_size : 446), data + 1, length < SIZE / 2 - 8192 ? length : 0);
    if (data[0] & 2)
        image_gpt_seal(&image, &(struct image_gpt){block_size, 128, 128});
    if (data[0] & 4) {
        bytes[510] = 0x55;
        bytes[511] = 0xaa;
    }
    image.broken = data[0] >> 4;
    if (table_read(&disk, &table) == OK)
        check_good(&table, &disk);
    if (image.reads > 600)
        abort();
    return 0;
}
