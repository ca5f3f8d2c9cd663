/* SPDX-License-Identifier: MIT */
/*
 * GPT (UEFI 2.10, 5.3.2 and 5.3.3): a header in block 1 and one in the last block, each with an array of entries, both under
 * a CRC-32. The first set that is whole counts; if it is the second one, that is said.
 */
#include "server/block_part/table.h"

#include "lib/crc32/crc32.h"
#include "lib/fmt/fmt.h"
#include "lib/range/range.h"
#include "lib/string/string.h"

/* The header. */
#define HEADER_REVISION     8u
#define HEADER_SIZE         12u
#define HEADER_CRC          16u
#define HEADER_MY_LBA       24u
#define HEADER_FIRST_USABLE 40u
#define HEADER_LAST_USABLE  48u
#define HEADER_ENTRIES_LBA  72u
#define HEADER_ENTRY_COUNT  80u
#define HEADER_ENTRY_SIZE   84u
#define HEADER_ENTRIES_CRC  88u
#define HEADER_SIZE_MIN     92u
#define REVISION_1_0        0x00010000u

/* An entry. */
#define ENTRY_TYPE      0u
#define ENTRY_UNIQUE    16u
#define ENTRY_FIRST     32u
#define ENTRY_LAST      40u
#define ENTRY_NAME      56u
#define ENTRY_SIZE_MIN  128u
#define ENTRY_COUNT_MAX 4096u
#define NAME_UNITS      36u

static const uint8_t unused[16];

struct header {
    uint64_t first_usable, last_usable, entries; /* blocks */
    uint32_t count, size, crc;                   /* of the entries */
};

/* NULL, or what is wrong with the header in `block`, which was read from block `lba`. */
static const char *header_check(const struct table_disk *disk, uint8_t *block, uint64_t lba,
                                struct header *out)
{
    uint64_t blocks = disk->size / disk->block_size;
    uint32_t size = table_get32(block + HEADER_SIZE), crc = table_get32(block + HEADER_CRC);

    if (memcmp(block, "EFI PART", 8) != 0)
        return "no header";
    if (table_get32(block + HEADER_REVISION) != REVISION_1_0 || size < HEADER_SIZE_MIN ||
        size > disk->block_size)
        return "a header of an unknown kind";
    memset(block + HEADER_CRC, 0, 4);
    if (crc32_update(0, block, size) != crc)
        return "a header with a wrong checksum";
    *out = (struct header){.first_usable = table_get64(block + HEADER_FIRST_USABLE),
                           .last_usable = table_get64(block + HEADER_LAST_USABLE),
                           .entries = table_get64(block + HEADER_ENTRIES_LBA),
                           .count = table_get32(block + HEADER_ENTRY_COUNT),
                           .size = table_get32(block + HEADER_ENTRY_SIZE),
                           .crc = table_get32(block + HEADER_ENTRIES_CRC)};
    if (table_get64(block + HEADER_MY_LBA) != lba)
        return "a header that belongs to another place";
    if (out->first_usable > out->last_usable || out->last_usable >= blocks || out->first_usable < 2)
        return "a header whose usable blocks are not on the disk";
    if (out->size < ENTRY_SIZE_MIN || out->size > disk->block_size || (out->size & (out->size - 1)) != 0 ||
        out->count == 0 || out->count > ENTRY_COUNT_MAX)
        return "entries of an impossible number or size";
    uint64_t bytes = (uint64_t)out->count * out->size;
    uint64_t length = (bytes + disk->block_size - 1) / disk->block_size;

    if (!range_ok(out->entries, length, blocks) || out->entries == 0)
        return "entries behind the end of the disk";
    /* Or else whoever writes a partition could write the table. */
    if (out->last_usable == blocks - 1 ||
        (out->entries <= out->last_usable && out->first_usable < out->entries + length))
        return "a table among its own usable blocks";
    return NULL;
}

/* Calls `each` for all entries, block by block; the CRC of all of them is compared with the header's. */
static enum status entries_walk(const struct table_disk *disk, const struct header *header,
                                void (*each_opt)(const struct table_disk *disk, const struct header *header,
                                                 const uint8_t *entry, uint32_t number, struct table *out),
                                struct table *out, bool *whole)
{
    uint32_t per_block = disk->block_size / header->size, crc = 0;
    uint8_t block[TABLE_BLOCK_MAX];

    for (uint32_t first = 0; first < header->count; first += per_block) {
        uint32_t count = header->count - first < per_block ? header->count - first : per_block;
        uint64_t at = (header->entries + first / per_block) * disk->block_size;
        enum status status = disk->read(disk->context, at, disk->block_size, block);

        if (status != OK)
            return status;
        crc = crc32_update(crc, block, (size_t)count * header->size);
        for (uint32_t i = 0; each_opt && i < count; i++)
            each_opt(disk, header, block + (size_t)i * header->size, first + i + 1, out);
    }
    *whole = crc == header->crc;
    return OK;
}

/* A GUID's text: the first three fields are little-endian (UEFI 2.10, appendix A). */
static void guid_text(const uint8_t *guid, char text[PARTITION_UUID_MAX])
{
    fmt_format(text, PARTITION_UUID_MAX, "%08x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
               table_get32(guid), guid[5], guid[4], guid[7], guid[6], guid[8], guid[9], guid[10], guid[11],
               guid[12], guid[13], guid[14], guid[15]);
}

/* The next character of a name, and how many units it takes; what is no character is U+FFFD. */
static uint32_t name_character(const uint8_t *units, unsigned left, unsigned *taken)
{
    uint32_t unit = (uint32_t)units[0] | (uint32_t)units[1] << 8;
    uint32_t next = left > 1 ? (uint32_t)units[2] | (uint32_t)units[3] << 8 : 0;

    *taken = 1;
    if (unit < 0xd800 || unit > 0xdfff)
        return unit;
    if (unit > 0xdbff || next < 0xdc00 || next > 0xdfff)
        return 0xfffd;
    *taken = 2;
    return 0x10000 + ((unit - 0xd800) << 10) + (next - 0xdc00);
}

static unsigned utf8_put(uint32_t character, char *out)
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    unsigned more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;

    out[0] = (char)(0xf0u << (3 - more) | character >> 6 * more);
    for (unsigned i = 1; i <= more; i++)
        out[i] = (char)(0x80 | (character >> 6 * (more - i) & 0x3f));
    return more + 1;
}

/* Control characters would upset a log or a report. */
static void name_text(const uint8_t *units, char name[PARTITION_NAME_MAX])
{
    unsigned at = 0;

    for (unsigned i = 0, taken; i < NAME_UNITS; i += taken) {
        uint32_t character = name_character(units + 2 * (size_t)i, NAME_UNITS - i, &taken);

        if (character == 0)
            break;
        at += utf8_put(character < 0x20 || character == 0x7f ? '?' : character, name + at);
    }
    name[at] = '\0';
}

static void entry_take(const struct table_disk *disk, const struct header *header, const uint8_t *entry,
                       uint32_t number, struct table *out)
{
    uint64_t first = table_get64(entry + ENTRY_FIRST), last = table_get64(entry + ENTRY_LAST);

    if (memcmp(entry + ENTRY_TYPE, unused, sizeof(unused)) == 0)
        return;
    struct partition *partition = table_add(out, number);

    if (!partition)
        return;
    guid_text(entry + ENTRY_TYPE, partition->type);
    guid_text(entry + ENTRY_UNIQUE, partition->uuid);
    name_text(entry + ENTRY_NAME, partition->name);
    if (last < first || last == UINT64_MAX)
        partition->problem_opt = "it ends before it begins";
    else
        (void)table_place(disk, partition, first, last - first + 1, header->first_usable,
                          header->last_usable + 1);
}

/* One of the two sets. *problem_opt: NULL if it is whole. */
static enum status set_check(const struct table_disk *disk, uint64_t lba, struct header *out,
                             const char **problem_opt)
{
    uint8_t block[TABLE_BLOCK_MAX];
    bool whole = false;
    enum status status = disk->read(disk->context, lba * disk->block_size, disk->block_size, block);

    if (status != OK)
        return status;
    *problem_opt = header_check(disk, block, lba, out);
    if (*problem_opt)
        return OK;
    status = entries_walk(disk, out, NULL, NULL, &whole);
    if (status == OK && !whole)
        *problem_opt = "entries with a wrong checksum";
    return status;
}

/* A set that cannot be read is as good as one that is broken, as long as the other one is whole. */
enum status gpt_read(const struct table_disk *disk, struct table *out)
{
    uint64_t blocks = disk->size / disk->block_size;
    const char *problem = "no room for a table", *problem_of_backup = problem;
    struct header header;
    bool whole;

    out->scheme = TABLE_GPT;
    if (blocks < 3) {
        out->problem_opt = problem;
        return OK;
    }
    enum status status = set_check(disk, 1, &header, &problem);

    if (status != OK || problem) {
        enum status backup = set_check(disk, blocks - 1, &header, &problem_of_backup);

        if (backup != OK)
            return backup;
        out->backup = !problem_of_backup;
        if (problem_of_backup && status != OK)
            return status;
        if (problem_of_backup) {
            out->problem_opt = problem;
            return OK;
        }
    }
    status = entries_walk(disk, &header, entry_take, out, &whole);
    if (status == OK && !whole) /* it has changed meanwhile */
        out->problem_opt = "entries with a wrong checksum";
    return status;
}
