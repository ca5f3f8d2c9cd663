/* SPDX-License-Identifier: MIT */
/* What a disk says about itself, and the pages of its error log and of TRIM. */
#include "driver/block/ahci/test/fake_hba.h"
#include "test/check.h"

static struct fake_hba fake;

static void put(unsigned word, unsigned value)
{
    fake.identify[2 * word] = (uint8_t)value;
    fake.identify[2 * word + 1] = (uint8_t)(value >> 8);
}

static enum status parse(struct ata_identity *out)
{
    fake_identity_sum(&fake);
    return ata_identity_parse(fake.identify, out);
}

static void renew(void)
{
    if (fake.memory.page)
        fake_stop(&fake);
    fake_start(&fake, 32);
}

static void test_identity(void)
{
    struct ata_identity disk;

    CASE("IDENTIFY: a plain disk");
    renew();
    CHECK_EQ(parse(&disk), OK);
    CHECK_EQ(disk.blocks, FAKE_BLOCKS);
    CHECK_EQ(disk.block_size, 512);
    CHECK_EQ(disk.physical_block_size, 512);
    CHECK_EQ(disk.queue_depth, 32);
    CHECK(disk.trim && disk.fua && disk.write_cache);
    CHECK_STR(disk.serial, "FAKE0001");
    CHECK_STR(disk.model, "fake disk");

    CASE("IDENTIFY: blocks of 512 bytes on sectors of 4096, and of 4096 bytes");
    put(106, 1u << 14 | 1u << 13 | 3);
    CHECK_EQ(parse(&disk), OK);
    CHECK_EQ(disk.block_size, 512);
    CHECK_EQ(disk.physical_block_size, 4096);
    put(106, 1u << 14 | 1u << 12);
    put(117, 2048);
    CHECK_EQ(parse(&disk), OK);
    CHECK_EQ(disk.block_size, 4096);
    CHECK_EQ(disk.physical_block_size, 4096);

    CASE("IDENTIFY: words that are not valid count for nothing");
    put(106, 1u << 12 | 1u << 13 | 3);
    put(84, 1u << 6);
    put(76, 0xffff);
    put(169, 0xffff);
    CHECK_EQ(parse(&disk), OK);
    CHECK_EQ(disk.block_size, 512);
    CHECK_EQ(disk.physical_block_size, 512);
    CHECK_EQ(disk.queue_depth, 0);
    CHECK(!disk.fua && !disk.trim);
}

static void test_identity_refused(void)
{
    struct ata_identity disk = {.blocks = 42};

    CASE("IDENTIFY: what is refused, with the output untouched");
    renew();
    fake.identify[100] ^= 1; /* the sum is wrong */
    CHECK_EQ(ata_identity_parse(fake.identify, &disk), ERR_INVALID);
    renew();
    put(0, 0x8580); /* ATAPI */
    CHECK_EQ(parse(&disk), ERR_INVALID);
    renew();
    put(83, 1u << 14);
    CHECK_EQ(parse(&disk), ERR_UNSUPPORTED);
    renew();
    put(49, 0);
    CHECK_EQ(parse(&disk), ERR_UNSUPPORTED);
    renew();
    put(100, 0);
    CHECK_EQ(parse(&disk), ERR_INVALID);
    put(103, 2); /* 2^49 blocks */
    CHECK_EQ(parse(&disk), ERR_INVALID);
    renew();
    put(106, 1u << 14 | 1u << 12);
    put(117, 260); /* 520 bytes */
    CHECK_EQ(parse(&disk), ERR_UNSUPPORTED);
    memset(fake.identify, 0xff, 512);
    CHECK_EQ(ata_identity_parse(fake.identify, &disk), ERR_INVALID);
    memset(fake.identify, 0, 512);
    CHECK_NE(ata_identity_parse(fake.identify, &disk), OK);
    CHECK_EQ(disk.blocks, 42);
}

static void test_pages(void)
{
    uint8_t page[512] = {5, 0, 0x41, 0x40}, error = 0;
    unsigned tag = 99;

    CASE("error log: a tag, none, and a page that is spoilt");
    page[511] = (uint8_t) - (5 + 0x41 + 0x40);
    CHECK_EQ(ata_error_log_parse(page, &tag, &error), OK);
    CHECK_EQ(tag, 5);
    CHECK_EQ(error, 0x40);
    page[0] |= 0x80;
    page[511] = (uint8_t)(page[511] - 0x80);
    CHECK_EQ(ata_error_log_parse(page, &tag, &error), ERR_NOT_FOUND);
    page[100] = 1;
    CHECK_EQ(ata_error_log_parse(page, &tag, &error), ERR_INVALID);

    CASE("TRIM: ranges of 65535 blocks at most");
    ata_trim_fill(0x123456789abc, 65536 + 65535, page);
    CHECK_MEM(
        page,
        "\xbc\x9a\x78\x56\x34\x12\xff\xff\xbb\x9a\x79\x56\x34\x12\xff\xff\xba\x9a\x7a\x56\x34\x12\x01\x00",
        24);
    CHECK_EQ(page[24] | page[30] | page[511], 0);
    ata_trim_fill(1, (uint64_t)ATA_TRIM_RANGES * ATA_TRIM_BLOCKS_MAX, page);
    CHECK_EQ(page[510], 0xff);
    CHECK_EQ(page[511], 0xff);
}

static void test_command(void)
{
    uint32_t fis[5];
    struct ata_command command = {0x61, 0xc0, 0x1234, 0x8000 | 5 << 3, 0xabcdef012345};

    CASE("the register FIS");
    ata_command_fill(&command, fis);
    CHECK_EQ(fis[0], 0x34618027);
    CHECK_EQ(fis[1], 0xc0012345);
    CHECK_EQ(fis[2], 0x12abcdef);
    CHECK_EQ(fis[3], 0x00008028);
    CHECK_EQ(fis[4], 0);
}

int main(void)
{
    test_identity();
    test_identity_refused();
    test_pages();
    test_command();
    fake_stop(&fake);
    return check_finish();
}
