/* SPDX-License-Identifier: MIT */
/*
 * The old table (UEFI 2.10, 5.2.1): four entries in block 0. One of them may be an extended partition, in which a chain of
 * blocks of the same form describes logical partitions: the first entry of each is a partition, counted from that block; the
 * second one says where the next block is, counted from the start of the extended partition.
 *
 * The chain is a list on a stranger's disk: it must stay inside the extended partition and visit no block twice.
 */
#include "server/block_part/table.h"

#include "lib/fmt/fmt.h"

#define MBR_SIGNATURE  440u /* of the disk */
#define MBR_ENTRIES    446u
#define MBR_ENTRY_SIZE 16u
#define ENTRY_TYPE     4u
#define ENTRY_FIRST    8u
#define ENTRY_COUNT    12u

#define FIRST_LOGICAL 5u
#define LOGICALS_MAX  (PARTITIONS_MAX - 4)

enum mbr_type {
    MBR_EMPTY = 0x00,
    MBR_EXTENDED = 0x05,
    MBR_EXTENDED_LBA = 0x0f,
    MBR_EXTENDED_LINUX = 0x85,
    MBR_PROTECTIVE = 0xee,
};

struct entry {
    uint8_t type;
    uint32_t first, count; /* blocks */
};

struct extended {
    uint64_t first, end;            /* blocks */
    uint64_t visited[LOGICALS_MAX]; /* blocks of the chain */
    uint32_t visits;
};

static struct entry entry_at(const uint8_t *block, unsigned index)
{
    const uint8_t *at = block + MBR_ENTRIES + index * MBR_ENTRY_SIZE;

    return (struct entry){.type = at[ENTRY_TYPE],
                          .first = table_get32(at + ENTRY_FIRST),
                          .count = table_get32(at + ENTRY_COUNT)};
}

static bool is_extended(uint8_t type)
{
    return type == MBR_EXTENDED || type == MBR_EXTENDED_LBA || type == MBR_EXTENDED_LINUX;
}

bool mbr_protects_gpt(const uint8_t *block)
{
    for (unsigned i = 0; i < 4; i++)
        if (entry_at(block, i).type == MBR_PROTECTIVE)
            return true;
    return false;
}

static struct partition *add(struct table *table, uint32_t number, uint8_t type, uint32_t signature)
{
    struct partition *partition = table_add(table, number);

    if (!partition)
        return NULL;
    fmt_format(partition->type, sizeof(partition->type), "%02x", type);
    fmt_format(partition->uuid, sizeof(partition->uuid), "%08x-%02x", signature, number);
    return partition;
}

/* True if the chain may go on in this block; false: it leaves the extended partition, or has been there. */
static bool visit(struct extended *extended, struct table *out, uint64_t block)
{
    if (block < extended->first || block >= extended->end)
        out->problem_opt = "the chain of logical partitions leaves the extended one";
    for (uint32_t i = 0; i < extended->visits; i++)
        if (extended->visited[i] == block)
            out->problem_opt = "the chain of logical partitions is a loop";
    if (extended->visits == LOGICALS_MAX)
        out->problem_opt = "the chain of logical partitions is too long";
    if (out->problem_opt)
        return false;
    extended->visited[extended->visits++] = block;
    return true;
}

/* One block of the chain; *next is 0 at its end. */
static enum status read_logical(const struct table_disk *disk, const struct extended *extended, uint64_t at,
                                uint32_t signature, struct table *out, uint64_t *next)
{
    uint8_t block[TABLE_BLOCK_MAX];
    enum status status = disk->read(disk->context, at * disk->block_size, disk->block_size, block);

    if (status != OK)
        return status;
    *next = 0;
    if (block[510] != 0x55 || block[511] != 0xaa) {
        out->problem_opt = "a block of the chain of logical partitions has no signature";
        return OK;
    }
    struct entry own = entry_at(block, 0), link = entry_at(block, 1);

    if (own.type != MBR_EMPTY && own.count != 0) {
        struct partition *partition = add(out, FIRST_LOGICAL + extended->visits - 1, own.type, signature);

        /* Behind its own block: or else whoever writes the partition would write the table. */
        if (partition)
            (void)table_place(disk, partition, at + own.first, own.count, at + 1, extended->end);
    }
    if (is_extended(link.type) && link.count != 0)
        *next = extended->first + link.first;
    return OK;
}

/* Behind its own block a partition may still reach over another one's: whoever writes it would write the table. */
static void refuse_chain(const struct table_disk *disk, const struct extended *extended, struct table *out)
{
    for (uint32_t i = 0; i < out->count; i++) {
        struct partition *partition = &out->partition[i];
        uint64_t first = partition->offset / disk->block_size, count = partition->size / disk->block_size;

        for (uint32_t k = 0; k < extended->visits; k++)
            if (extended->visited[k] >= first && extended->visited[k] - first < count &&
                partition->number >= FIRST_LOGICAL)
                partition->problem_opt = "it contains a part of the partition table";
    }
}

static enum status read_chain(const struct table_disk *disk, struct entry container, uint32_t signature,
                              struct table *out)
{
    struct extended extended = {.first = container.first, .end = (uint64_t)container.first + container.count};
    uint64_t at = extended.first, blocks = disk->size / disk->block_size;
    enum status status = OK;

    if (extended.first == 0 || extended.end > blocks) {
        out->problem_opt = "the extended partition ends behind the end of the disk";
        return OK;
    }
    while (status == OK && at != 0 && visit(&extended, out, at))
        status = read_logical(disk, &extended, at, signature, out, &at);
    refuse_chain(disk, &extended, out);
    return status;
}

/* A primary partition must not lie in the extended one either. */
static void refuse_inside(const struct table_disk *disk, struct entry container, struct table *out)
{
    uint64_t start = (uint64_t)container.first * disk->block_size;
    uint64_t end = start + (uint64_t)container.count * disk->block_size;

    for (uint32_t i = 0; i < out->count; i++) {
        struct partition *partition = &out->partition[i];

        if (partition->number < FIRST_LOGICAL && partition->size && partition->offset < end &&
            start < partition->offset + partition->size)
            partition->problem_opt = "it overlaps the extended partition";
    }
}

enum status mbr_read(const struct table_disk *disk, const uint8_t *block, struct table *out)
{
    uint32_t signature = table_get32(block + MBR_SIGNATURE);
    uint64_t blocks = disk->size / disk->block_size;
    struct entry extended = {0};

    out->scheme = TABLE_MBR;
    for (unsigned i = 0; i < 4; i++) {
        struct entry entry = entry_at(block, i);

        if (entry.type == MBR_EMPTY || entry.count == 0)
            continue;
        if (is_extended(entry.type)) {
            if (extended.type)
                out->problem_opt = "it has two extended partitions";
            extended = entry;
            continue;
        }
        struct partition *partition = add(out, i + 1, entry.type, signature);

        if (partition)
            (void)table_place(disk, partition, entry.first, entry.count, 1, blocks);
    }
    if (!extended.type || out->problem_opt)
        return OK;
    enum status status = read_chain(disk, extended, signature, out);

    if (status == OK)
        refuse_inside(disk, extended, out);
    return status;
}
