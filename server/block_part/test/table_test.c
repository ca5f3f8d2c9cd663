/* SPDX-License-Identifier: MIT */
/* Tables made by hand: good ones, and every way in which one is refused, by its name. */
#include "server/block_part/test/image.h"
#include "test/check.h"

#define BLOCKS 4096u

static uint8_t bytes[BLOCKS * 4096];
static struct image image;
static struct table table;
static struct table_disk disk;
static const struct image_gpt gpt512 = {512, 128, 128}, gpt4096 = {4096, 128, 128};

static void fresh(uint32_t block_size)
{
    memset(bytes, 0, sizeof(bytes));
    image = (struct image){.bytes = bytes, .size = (uint64_t)BLOCKS * block_size};
    disk = image_disk(&image, block_size);
}

static void read_table(void)
{
    CHECK_EQ(table_read(&disk, &table), OK);
}

/* The problem of the whole table, or of partition `number`; "" if there is none. */
static const char *problem(uint32_t number)
{
    const struct partition *partition = table_by_number(&table, number);
    const char *text = number == 0 ? table.problem_opt : partition ? partition->problem_opt : "(not there)";

    return text ? text : "";
}

static void test_none(void)
{
    CASE("a disk without a table, an empty one, an impossible one");
    fresh(512);
    read_table();
    CHECK_EQ(table.scheme, TABLE_NONE);
    disk.size = 0;
    read_table();
    CHECK_EQ(table.scheme, TABLE_NONE);
    disk.size = 700;
    CHECK_EQ(table_read(&disk, &table), ERR_INVALID);
    disk.size = 512;
    disk.block_size = 1024;
    CHECK_EQ(table_read(&disk, &table), ERR_INVALID);

    CASE("a disk that cannot be read is no disk without a table");
    fresh(512);
    image.broken = 1;
    image_gpt_seal(&image, &gpt512);
    image.size = 1024;
    disk.size = 1024;
    read_table();
    CHECK_STR(problem(0), "no room for a table");
    fresh(512);
    disk.read = image_read;
    image.size = 0;
    CHECK_EQ(table_read(&disk, &table), ERR_RANGE);
}

static void test_mbr(void)
{
    CASE("MBR: primary partitions, their numbers, types and UUIDs");
    fresh(512);
    put32(bytes + 440, 0x1234abcd);
    image_mbr(bytes, 0, 0x83, 63, 100);
    image_mbr(bytes, 3, 0x07, 200, BLOCKS - 200);
    read_table();
    CHECK_EQ(table.scheme, TABLE_MBR);
    CHECK_EQ(table.count, 2);
    CHECK_EQ(table_by_number(&table, 1)->offset, 63 * 512);
    CHECK_EQ(table_by_number(&table, 1)->size, 100 * 512);
    CHECK_STR(table_by_number(&table, 1)->uuid, "1234abcd-01");
    CHECK_STR(table_by_number(&table, 4)->type, "07");
    CHECK(table_by_uuid(&table, "1234ABCD-04") == table_by_number(&table, 4));
    CHECK(!table_by_number(&table, 2));
    CHECK_STR(problem(4), "");

    CASE("MBR: beyond the end, in the table, overlapping, not aligned");
    image_mbr(bytes, 0, 0x83, 0, 10);
    image_mbr(bytes, 1, 0x83, 200, BLOCKS);
    image_mbr(bytes, 2, 0x83, 300, 10);
    image_mbr(bytes, 3, 0x83, 305, 10);
    read_table();
    CHECK_STR(problem(1), "it leaves the part of the disk that is for partitions");
    CHECK_STR(problem(2), "it ends behind the end of the disk");
    CHECK_STR(problem(3), "it overlaps another partition");
    CHECK_STR(problem(4), "it overlaps another partition");
    disk.physical_block_size = 4096;
    image_mbr(bytes, 0, 0x83, 63, 10);
    image_mbr(bytes, 3, 0x83, 0xfffffff8, 0xffffffff);
    read_table();
    CHECK_STR(problem(1), "it does not begin with a physical block of the disk");
    CHECK_STR(problem(4), "it ends behind the end of the disk");
}

/* Logical partition: its block at `at`, with the next block at `next` (0: the last), extended partition at 1000. */
static void logical(uint32_t at, uint32_t first, uint32_t count, uint32_t next)
{
    uint8_t *block = bytes + (size_t)at * 512;

    image_mbr(block, 0, 0x83, first, count);
    image_mbr(block, 1, next ? 0x05 : 0, next ? next - 1000 : 0, next ? 1 : 0);
}

static void test_logical(void)
{
    CASE("MBR: logical partitions");
    fresh(512);
    image_mbr(bytes, 0, 0x83, 100, 100);
    image_mbr(bytes, 1, 0x0f, 1000, 2000);
    logical(1000, 2, 100, 1200);
    logical(1200, 2, 100, 1100 + 400);
    logical(1500, 63, 200, 0);
    read_table();
    CHECK_STR(problem(0), "");
    CHECK_EQ(table.count, 4);
    CHECK_EQ(table_by_number(&table, 5)->offset, 1002 * 512);
    CHECK_EQ(table_by_number(&table, 7)->offset, 1563 * 512);

    CASE("MBR: a chain that is a loop, leaves its partition, or has no signature");
    logical(1500, 63, 200, 1200);
    read_table();
    CHECK_STR(problem(0), "the chain of logical partitions is a loop");
    CHECK_EQ(table.count, 0);
    logical(1500, 63, 200, 3500);
    read_table();
    CHECK_STR(problem(0), "the chain of logical partitions leaves the extended one");
    logical(1500, 63, 200, 1600);
    read_table();
    CHECK_STR(problem(0), "a block of the chain of logical partitions has no signature");
    image_mbr(bytes, 2, 0x05, 3000, 100);
    read_table();
    CHECK_STR(problem(0), "it has two extended partitions");
    image_mbr(bytes, 2, 0, 0, 0);
    image_mbr(bytes, 1, 0x0f, 1000, BLOCKS);
    read_table();
    CHECK_STR(problem(0), "the extended partition ends behind the end of the disk");

    CASE("MBR: a logical partition outside, over its own block, and a primary one inside");
    image_mbr(bytes, 1, 0x0f, 1000, 2000);
    logical(1000, 0, 100, 1200);
    logical(1200, 2, 3000, 1500);
    logical(1500, 63, 200, 0);
    image_mbr(bytes, 0, 0x83, 2900, 200);
    read_table();
    CHECK_STR(problem(1), "it overlaps the extended partition");
    CHECK_STR(problem(5), "it leaves the part of the disk that is for partitions");
    CHECK_STR(problem(6), "it ends behind the end of the disk");
    CHECK_STR(problem(7), "");

    CASE("MBR: a logical partition over the block of another one");
    fresh(512);
    image_mbr(bytes, 1, 0x0f, 1000, 2000);
    logical(1000, 2, 300, 1200);
    logical(1200, 300, 100, 1700);
    logical(1700, 2, 100, 0);
    read_table();
    CHECK_STR(problem(5), "it contains a part of the partition table");
    CHECK_STR(problem(6), "");
    CHECK_STR(problem(7), "");
}

static void test_long_chain(void)
{
    CASE("MBR: a chain without end is cut");
    fresh(512);
    image_mbr(bytes, 1, 0x05, 1000, 3000);
    for (uint32_t i = 0; i < 900; i++)
        logical(1000 + 3 * i, 1, 1, 1003 + 3 * i);
    read_table();
    CHECK_STR(problem(0), "the chain of logical partitions is too long");
    CHECK(image.reads < 200);
}

static void gpt_make(uint32_t block_size)
{
    const struct image_gpt *gpt = block_size == 512 ? &gpt512 : &gpt4096;

    fresh(block_size);
    image_gpt_entry(&image, gpt, 1, 64, 163, "boot");
    image_gpt_entry(&image, gpt, 3, 200, 2999, "root");
    image_gpt_seal(&image, gpt);
}

static void test_gpt(void)
{
    for (uint32_t block_size = 512; block_size <= 4096; block_size *= 8) {
        CASE(block_size == 512 ? "GPT on blocks of 512 bytes" : "GPT on blocks of 4096 bytes");
        gpt_make(block_size);
        read_table();
        CHECK_EQ(table.scheme, TABLE_GPT);
        CHECK(!table.backup);
        CHECK_STR(problem(0), "");
        CHECK_EQ(table.count, 2);
        CHECK_EQ(table_by_name(&table, "root")->offset, 200 * (uint64_t)block_size);
        CHECK_EQ(table_by_name(&table, "root")->size, 2800 * (uint64_t)block_size);
        CHECK_EQ(table_by_name(&table, "root")->number, 3);
        CHECK_STR(table_by_number(&table, 1)->uuid, "15141312-1716-1918-1a1b-1c1d1e1f2021");
        CHECK(table_by_uuid(&table, "15141312-1716-1918-1A1B-1c1d1e1f2021") == table_by_number(&table, 1));
        CHECK(!table_by_name(&table, ""));
    }

    CASE("GPT: names beyond ASCII, broken ones, and control characters");
    fresh(512);
    image_gpt_entry(&image, &gpt512, 1, 64, 163, "");
    static const uint8_t name[] = {'a', 0, 0xe4, 0, 0xac, 0x20, 0x3d, 0xd8, 0x00, 0xde, 0x3d, 0xd8, 10, 0};
    memcpy(bytes + 1024 + 56, name, sizeof(name));
    image_gpt_seal(&image, &gpt512);
    read_table();
    CHECK_STR(table.partition[0].name, "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd?");
}

static void test_gpt_backup(void)
{
    CASE("GPT: the backup counts when the first header, its entries or its block are broken");
    gpt_make(512);
    bytes[512 + 40] ^= 1;
    read_table();
    CHECK(table.backup);
    CHECK_EQ(table.count, 2);
    gpt_make(512);
    bytes[1024 + 60] ^= 1;
    read_table();
    CHECK(table.backup);
    CHECK_STR(table_by_number(&table, 1)->name, "boot");
    gpt_make(512);
    image.broken = 1;
    read_table();
    CHECK(table.backup);
    CHECK_EQ(table.count, 2);

    CASE("GPT: both are broken");
    gpt_make(512);
    bytes[512 + 40] ^= 1;
    bytes[(BLOCKS - 1) * 512 + 41] ^= 1;
    read_table();
    CHECK_STR(problem(0), "a header with a wrong checksum");
    CHECK_EQ(table.count, 0);
    image.broken = 1;
    CHECK_EQ(table_read(&disk, &table), ERR_IO);

    CASE("GPT: a first header copied over the backup does not count");
    gpt_make(512);
    memcpy(bytes + (BLOCKS - 1) * 512, bytes + 512, 512);
    bytes[1024] ^= 1;
    read_table();
    CHECK_STR(problem(0), "entries with a wrong checksum");
}

/* A header with one field changed, under a right checksum. */
static const char *changed(uint32_t offset, uint64_t value, unsigned width)
{
    gpt_make(512);
    for (unsigned set = 0; set < 2; set++) {
        uint8_t *at = bytes + (set ? (BLOCKS - 1) * 512 : 512);

        width == 4 ? put32(at + offset, (uint32_t)value) : put64(at + offset, value);
        put32(at + 16, 0);
        put32(at + 16, crc32_update(0, at, 92));
    }
    read_table();
    CHECK_EQ(table.count, 0);
    return problem(0);
}

static void test_gpt_hostile(void)
{
    CASE("GPT: headers that lie under a right checksum");
    CHECK_STR(changed(8, 0x20000, 4), "a header of an unknown kind");
    CHECK_STR(changed(40, UINT64_MAX, 8), "a header whose usable blocks are not on the disk");
    CHECK_STR(changed(48, BLOCKS, 8), "a header whose usable blocks are not on the disk");
    CHECK_STR(changed(48, BLOCKS - 1, 8), "a table among its own usable blocks");
    CHECK_STR(changed(72, 100, 8), "a table among its own usable blocks");
    CHECK_STR(changed(72, UINT64_MAX - 3, 8), "entries behind the end of the disk");
    CHECK_STR(changed(72, 0, 8), "entries behind the end of the disk");
    CHECK_STR(changed(80, UINT32_MAX, 4), "entries of an impossible number or size");
    CHECK_STR(changed(80, 0, 4), "entries of an impossible number or size");
    CHECK_STR(changed(84, 0, 4), "entries of an impossible number or size");
    CHECK_STR(changed(84, 192, 4), "entries of an impossible number or size");
    CHECK_STR(changed(84, 1u << 31, 4), "entries of an impossible number or size");
    gpt_make(512);
    put32(bytes + 512 + 12, UINT32_MAX);
    put32(bytes + (BLOCKS - 1) * 512 + 12, 8);
    read_table();
    CHECK_STR(problem(0), "a header of an unknown kind");

    CASE("GPT: partitions of 2^64 blocks, turned round, outside, overlapping");
    fresh(512);
    image_gpt_entry(&image, &gpt512, 1, 64, UINT64_MAX, "");
    image_gpt_entry(&image, &gpt512, 2, 90, 80, "");
    image_gpt_entry(&image, &gpt512, 3, 2, 80, "");
    image_gpt_entry(&image, &gpt512, 4, 100, 200, "");
    image_gpt_entry(&image, &gpt512, 5, 200, 201, "");
    image_gpt_entry(&image, &gpt512, 6, 0, UINT64_MAX - 1, "");
    image_gpt_entry(&image, &gpt512, 7, 300, 310, "");
    image_gpt_seal(&image, &gpt512);
    read_table();
    CHECK_STR(problem(1), "it ends before it begins");
    CHECK_STR(problem(2), "it ends before it begins");
    CHECK_STR(problem(3), "it leaves the part of the disk that is for partitions");
    CHECK_STR(problem(4), "it overlaps another partition");
    CHECK_STR(problem(5), "it overlaps another partition");
    CHECK_STR(problem(6), "it ends behind the end of the disk");
    CHECK_STR(problem(7), "");

    CASE("GPT: a table for blocks of 512 bytes on a disk that has others, and one without protective MBR");
    gpt_make(512);
    disk = image_disk(&image, 4096);
    read_table();
    CHECK_STR(problem(0), "it was made for a disk with blocks of 512 bytes");
    gpt_make(512);
    memset(bytes, 0, 512);
    read_table();
    CHECK_EQ(table.scheme, TABLE_NONE);
}

static void test_gpt_many(void)
{
    static const struct image_gpt many = {512, 200, 256};

    CASE("GPT: larger and more entries than usual, and more partitions than there is room for");
    fresh(512);
    for (uint32_t i = 0; i < 128; i++)
        image_gpt_entry(&image, &many, i + 73, 200 + i, 200 + i, "p");
    image_gpt_seal(&image, &many);
    read_table();
    CHECK_STR(problem(0), "");
    CHECK_EQ(table.count, 128);
    CHECK_EQ(table_by_number(&table, 200)->offset, 327 * 512);
    image_gpt_entry(&image, &many, 1, 150, 150, "p");
    image_gpt_seal(&image, &many);
    read_table();
    CHECK_STR(problem(0), "more partitions than this server knows");
    CHECK_EQ(table.count, 0);
}

int main(void)
{
    test_none();
    test_mbr();
    test_logical();
    test_long_chain();
    test_gpt();
    test_gpt_backup();
    test_gpt_hostile();
    test_gpt_many();
    return check_finish();
}
