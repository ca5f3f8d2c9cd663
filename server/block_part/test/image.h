/* SPDX-License-Identifier: MIT */
/*
 * Disks in memory with tables made by hand, for the tests and the fuzzer.
 */
#ifndef SERVER_BLOCK_PART_TEST_IMAGE_H
#define SERVER_BLOCK_PART_TEST_IMAGE_H

#include "lib/crc32/crc32.h"
#include "lib/range/range.h"
#include "server/block_part/table.h"

#include <string.h>

struct image {
    uint8_t *bytes;
    uint64_t size;
    uint64_t broken; /* block of 512 bytes that cannot be read; 0: none */
    unsigned reads;
};

static inline enum status image_read(void *context, uint64_t offset, uint32_t length, void *buffer)
{
    struct image *image = context;

    image->reads++;
    if (!range_ok(offset, length, image->size))
        return ERR_RANGE;
    if (image->broken && offset <= image->broken * 512 && image->broken * 512 < offset + length)
        return ERR_IO;
    memcpy(buffer, image->bytes + offset, length);
    return OK;
}

static inline struct table_disk image_disk(struct image *image, uint32_t block_size)
{
    return (struct table_disk){.size = image->size,
                               .block_size = block_size,
                               .physical_block_size = block_size,
                               .read = image_read,
                               .context = image};
}

static inline void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static inline void put64(uint8_t *at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

/* Entry `index` of the MBR-like table in the block at `at`. */
static inline void image_mbr(uint8_t *at, unsigned index, uint8_t type, uint32_t first, uint32_t count)
{
    uint8_t *entry = at + 446 + index * 16;

    memset(entry, 0, 16);
    entry[4] = type;
    put32(entry + 8, first);
    put32(entry + 12, count);
    at[510] = 0x55;
    at[511] = 0xaa;
}

struct image_gpt {
    uint32_t block_size, count, entry_size;
};

static inline void image_gpt_header(struct image *image, const struct image_gpt *gpt, uint64_t lba,
                                    uint64_t entries)
{
    uint64_t blocks = image->size / gpt->block_size;
    uint64_t table = ((uint64_t)gpt->count * gpt->entry_size + gpt->block_size - 1) / gpt->block_size;
    uint8_t *at = image->bytes + lba * gpt->block_size;

    memset(at, 0, gpt->block_size);
    memcpy(at, "EFI PART", 8);
    put32(at + 8, 0x10000);
    put32(at + 12, 92);
    put64(at + 24, lba);
    put64(at + 32, lba == 1 ? blocks - 1 : 1);
    put64(at + 40, 2 + table);
    put64(at + 48, blocks - 2 - table);
    put64(at + 72, entries);
    put32(at + 80, gpt->count);
    put32(at + 84, gpt->entry_size);
    put32(at + 88,
          crc32_update(0, image->bytes + entries * gpt->block_size, (size_t)gpt->count * gpt->entry_size));
    put32(at + 16, crc32_update(0, at, 92));
}

/* Header and checksums of both sets, over the entries that are there in the first one. */
static inline void image_gpt_seal(struct image *image, const struct image_gpt *gpt)
{
    uint64_t blocks = image->size / gpt->block_size;
    uint64_t bytes = (uint64_t)gpt->count * gpt->entry_size;
    uint64_t table = (bytes + gpt->block_size - 1) / gpt->block_size;

    image_mbr(image->bytes, 0, 0xee, 1, UINT32_MAX);
    memcpy(image->bytes + (blocks - 1 - table) * gpt->block_size, image->bytes + 2 * gpt->block_size, bytes);
    image_gpt_header(image, gpt, 1, 2);
    image_gpt_header(image, gpt, blocks - 1, blocks - 1 - table);
}

static inline void image_gpt_entry(struct image *image, const struct image_gpt *gpt, uint32_t number,
                                   uint64_t first, uint64_t last, const char *name)
{
    uint8_t *at = image->bytes + 2 * gpt->block_size + (uint64_t)(number - 1) * gpt->entry_size;

    memset(at, 0, gpt->entry_size);
    for (int i = 0; i < 32; i++)
        at[i] = (uint8_t)(i + 1 + (i >= 16 ? (int)number : 0));
    put64(at + 32, first);
    put64(at + 40, last);
    for (int i = 0; name[i]; i++)
        at[56 + 2 * i] = (uint8_t)name[i];
}

#endif
