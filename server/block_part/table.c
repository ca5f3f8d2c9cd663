/* SPDX-License-Identifier: MIT */
/* What both kinds of table share: which one it is, and what no partition may do. See table.h. */
#include "server/block_part/table.h"

#include "lib/range/range.h"
#include "lib/string/string.h"

#define SIGNATURE_OFFSET 510u

struct partition *table_add(struct table *table, uint32_t number)
{
    if (table->count == PARTITIONS_MAX) {
        table->problem_opt = "more partitions than this server knows";
        return NULL;
    }
    struct partition *partition = &table->partition[table->count++];

    *partition = (struct partition){.number = number};
    return partition;
}

bool table_place(const struct table_disk *disk, struct partition *partition, uint64_t first, uint64_t count,
                 uint64_t low, uint64_t high)
{
    if (count == 0)
        partition->problem_opt = "it is empty";
    else if (!range_ok(first, count, disk->size / disk->block_size))
        partition->problem_opt = "it ends behind the end of the disk";
    else if (first < low || !range_ok(first, count, high))
        partition->problem_opt = "it leaves the part of the disk that is for partitions";
    if (partition->problem_opt)
        return false;
    partition->offset = first * disk->block_size;
    partition->size = count * disk->block_size;
    if (partition->offset % disk->physical_block_size != 0)
        partition->problem_opt = "it does not begin with a physical block of the disk";
    return !partition->problem_opt;
}

static bool overlap(const struct partition *a, const struct partition *b)
{
    return a->size && b->size && a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

/* Also with a partition that cannot be used for another reason: whoever wrote this table was mistaken about both. */
static void refuse_overlaps(struct table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        for (uint32_t k = i + 1; k < table->count; k++)
            if (overlap(&table->partition[i], &table->partition[k])) {
                table->partition[i].problem_opt = "it overlaps another partition";
                table->partition[k].problem_opt = "it overlaps another partition";
            }
}

static bool shape_ok(const struct table_disk *disk)
{
    uint32_t physical = disk->physical_block_size;

    return (disk->block_size == 512 || disk->block_size == TABLE_BLOCK_MAX) && physical >= disk->block_size &&
           (physical & (physical - 1)) == 0 && disk->size % disk->block_size == 0;
}

enum status table_read(const struct table_disk *disk, struct table *out)
{
    uint8_t block[TABLE_BLOCK_MAX];
    enum status status;

    if (!shape_ok(disk))
        return ERR_INVALID;
    *out = (struct table){0};
    if (disk->size < disk->block_size)
        return OK;
    status = disk->read(disk->context, 0, disk->block_size, block);
    if (status != OK)
        return status;
    if (block[SIGNATURE_OFFSET] != 0x55 || block[SIGNATURE_OFFSET + 1] != 0xaa)
        return OK;
    if (disk->block_size == TABLE_BLOCK_MAX && memcmp(block + 512, "EFI PART", 8) == 0)
        out->problem_opt = "it was made for a disk with blocks of 512 bytes";
    else
        status = mbr_protects_gpt(block) ? gpt_read(disk, out) : mbr_read(disk, block, out);
    if (status != OK)
        return status;
    if (out->problem_opt)
        out->count = 0;
    refuse_overlaps(out);
    return OK;
}

/* ---- finding ---- */

const struct partition *table_by_number(const struct table *table, uint64_t number)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (table->partition[i].number == number)
            return &table->partition[i];
    return NULL;
}

const struct partition *table_by_name(const struct table *table, const char *name)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (table->partition[i].name[0] && strcmp(table->partition[i].name, name) == 0)
            return &table->partition[i];
    return NULL;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

const struct partition *table_by_uuid(const struct table *table, const char *uuid)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (same(table->partition[i].uuid, uuid))
            return &table->partition[i];
    return NULL;
}
