/* SPDX-License-Identifier: MIT */
/*
 * Partition tables: where the parts of a disk are.
 *
 * GPT as UEFI 2.10, section 5.3, says it, with its backup where the first header or its entries are broken; MBR (5.2.1) with the
 * chain of logical partitions that PCs have inside an extended one. All numbers in a table are a stranger's: whatever it
 * says, the reader ends, and no partition that is called good overlaps another one, leaves the disk, or is empty.
 *
 * A disk without a table is no error (TABLE_NONE). What is wrong with the whole table is `problem_opt`, and then there are no
 * partitions; what is wrong with one partition is its own `problem_opt`: it is listed, but not to be used.
 *
 * Hardware-free: the disk is a function that reads.
 */
#ifndef SERVER_BLOCK_PART_TABLE_H
#define SERVER_BLOCK_PART_TABLE_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define PARTITIONS_MAX     128u
#define PARTITION_NAME_MAX 112u /* 36 UTF-16 units in UTF-8, and a zero */
#define PARTITION_UUID_MAX 40u
#define TABLE_BLOCK_MAX    4096u

enum table_scheme {
    TABLE_NONE,
    TABLE_MBR,
    TABLE_GPT,
};

struct partition {
    uint32_t number; /* as everywhere: 1 to 4 primary, from 5 on logical; GPT: the entry's place, from 1 on */
    uint64_t offset, size;         /* bytes; not to be used if there is a problem */
    char name[PARTITION_NAME_MAX]; /* GPT: UTF-8; else empty */
    char uuid
        [PARTITION_UUID_MAX]; /* GPT: unique GUID; MBR: signature of the disk and number, as Linux' PARTUUID */
    char type[PARTITION_UUID_MAX]; /* GPT: type GUID; MBR: two hexadecimal digits */
    const char *problem_opt;
};

struct table {
    enum table_scheme scheme;
    bool backup;             /* GPT: read from the end of the disk, for the first one is broken */
    const char *problem_opt; /* of the whole table */
    uint32_t count;
    struct partition partition[PARTITIONS_MAX];
};

struct table_disk {
    uint64_t size;                            /* bytes */
    uint32_t block_size, physical_block_size; /* 512 or 4096; a power of two not below it */
    /* Reads whole blocks. */
    enum status (*read)(void *context, uint64_t offset, uint32_t length, void *buffer);
    void *context;
};

/* ERR_INVALID: the disk's shape makes no sense. Any other error is read()'s: nothing is known then. */
[[nodiscard]] enum status table_read(const struct table_disk *disk, struct table *out);

/* The partition that somebody means; NULL: there is none. Comparing UUIDs, case does not matter. */
const struct partition *table_by_number(const struct table *table, uint64_t number);
const struct partition *table_by_name(const struct table *table, const char *name);
const struct partition *table_by_uuid(const struct table *table, const char *uuid);

/* ---- between table.c, mbr.c and gpt.c ---- */

static inline uint32_t table_get32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t table_get64(const uint8_t *at)
{
    return (uint64_t)table_get32(at + 4) << 32 | table_get32(at);
}

/* Adds one; NULL: the table is full, which is then its problem. */
struct partition *table_add(struct table *table, uint32_t number);

/* Turns blocks into bytes. False, with the reason in the partition, if they are none, or leave [low, high) (blocks). */
bool table_place(const struct table_disk *disk, struct partition *partition, uint64_t first, uint64_t count,
                 uint64_t low, uint64_t high);

/* `block` is block 0 of the disk. */
[[nodiscard]] enum status mbr_read(const struct table_disk *disk, const uint8_t *block, struct table *out);
bool mbr_protects_gpt(const uint8_t *block);
[[nodiscard]] enum status gpt_read(const struct table_disk *disk, struct table *out);

#endif
