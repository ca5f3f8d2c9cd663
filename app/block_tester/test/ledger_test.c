/* SPDX-License-Identifier: MIT */
/* Does the tester see what is wrong? Stamps, and the ledger's memory of what must be there. */
#include "app/block_tester/ledger.h"
#include "app/block_tester/stamp.h"

#include "test/check.h"

enum { UNIT = 4096, UNITS = 8 };

static struct ledger ledger;
static struct ledger_unit units[UNITS];
static uint64_t disk[UNITS][UNIT / 8], older[UNIT / 8];

static void begin(void)
{
    memset(units, 0, sizeof(units));
    memset(disk, 0, sizeof(disk));
    ledger_init(&ledger, units, UNITS, UNIT, 7);
}

static uint32_t write_units(uint64_t unit, uint64_t count, bool good, bool durable)
{
    uint32_t generation = ledger_fill(&ledger, unit, count, disk[unit]);

    ledger_written(
        &ledger,
        &(struct ledger_write){
            .unit = unit, .count = count, .generation = generation, .good = good, .durable = durable});
    return generation;
}

static void flush(void)
{
    ledger_flushed(&ledger, ledger_mark(&ledger));
}

static bool check(uint64_t unit)
{
    return ledger_check(&ledger, unit, 1, disk[unit]);
}

static void test_stamp(void)
{
    struct stamp stamp = {.sector = 5, .generation = 3, .writer = 9}, out;
    uint8_t *bytes = (uint8_t *)disk[0];

    CASE("a sector says what it is, and any changed byte is seen");
    begin();
    stamp_write(&stamp, bytes);
    CHECK_EQ(stamp_read(bytes, &out), STAMP_WHOLE);
    CHECK(out.sector == 5 && out.generation == 3 && out.writer == 9);
    for (unsigned i = 0; i < SECTOR_SIZE; i++) {
        bytes[i] ^= 0x10;
        CHECK_NE(stamp_read(bytes, &out), STAMP_WHOLE);
        bytes[i] ^= 0x10;
    }
    memset(bytes, 0, SECTOR_SIZE);
    CHECK_EQ(stamp_read(bytes, &out), STAMP_ZERO);
    CHECK_EQ(stamp_read(older, &out), STAMP_ZERO);
}

static void test_exact(void)
{
    CASE("what was written is read; nothing is said of what was not");
    begin();
    write_units(2, 3, true, false);
    for (unsigned i = 0; i < UNITS; i++)
        CHECK(check(i));
    CHECK_EQ(ledger.checked, 3 * 8);

    CASE("stale, misplaced, torn and foreign data are seen");
    memcpy(older, disk[2], UNIT);
    write_units(2, 1, true, false);
    memcpy(disk[2] + 64, older + 64, SECTOR_SIZE);
    CHECK(!check(2));
    CHECK_EQ(ledger.problems[LEDGER_STALE], 1);
    memcpy(disk[3], disk[4], UNIT);
    CHECK(!check(3));
    CHECK_EQ(ledger.problems[LEDGER_MISPLACED], 8);
    disk[4][30] ^= 1;
    CHECK(!check(4));
    CHECK_EQ(ledger.problems[LEDGER_TORN], 1);
    memset(disk[4], 0xee, UNIT);
    CHECK(!check(4));
    CHECK_EQ(ledger.problems[LEDGER_FOREIGN], 8);
    memset(disk[4], 0, UNIT);
    CHECK(!check(4));
    CHECK_EQ(ledger.first_bad, 2);
}

static void test_loss(void)
{
    CASE("a loss brings back what was flushed, or anything since, but nothing older");
    begin();
    write_units(0, 1, true, false);
    memcpy(older, disk[0], UNIT);
    write_units(0, 1, true, false);
    flush();
    write_units(0, 1, true, false);
    write_units(1, 1, true, true);
    write_units(2, 1, true, false);
    ledger_lost(&ledger);
    CHECK_EQ(units[1].state, LEDGER_EXACT); /* FUA */
    CHECK_EQ(units[2].state, LEDGER_UNKNOWN);
    CHECK(check(0));
    CHECK_EQ(units[0].state, LEDGER_EXACT); /* seen */
    units[0].state = LEDGER_RANGE;
    units[0].latest = 3;
    memcpy(disk[0], older, UNIT);
    CHECK(!check(0));

    CASE("what a FLUSH covered is not lost, what was written after its submission may be");
    begin();
    write_units(0, 1, true, false);
    uint64_t mark = ledger_mark(&ledger);

    write_units(0, 1, true, false);
    ledger_flushed(&ledger, mark);
    ledger_lost(&ledger);
    CHECK_EQ(units[0].state,
             LEDGER_UNKNOWN); /* the first one was flushed, but had been overwritten before that was known */
    write_units(1, 1, true, false);
    flush();
    ledger_lost(&ledger);
    CHECK_EQ(units[1].state, LEDGER_EXACT);

    CASE("a write that failed leaves old, new or torn");
    memcpy(older, disk[1], UNIT);
    write_units(1, 1, false, false);
    CHECK_EQ(units[1].state, LEDGER_RANGE);
    memcpy(disk[1], older, 1000);
    CHECK(check(1));
    CHECK_EQ(units[1].state, LEDGER_RANGE);
}

static void test_zeroes(void)
{
    CASE("zeroes are data");
    begin();
    write_units(0, 1, true, false);
    flush();
    ledger_written(&ledger, &(struct ledger_write){.count = 1, .generation = 2, .zero = true, .good = true});
    CHECK(!check(0));
    memcpy(older, disk[0], UNIT);
    memset(disk[0], 0, UNIT);
    CHECK(check(0));
    ledger_lost(&ledger);
    CHECK(check(0));
    memcpy(disk[0], older, UNIT);
    CHECK(check(0));

    CASE("units are handed out once");
    CHECK(ledger_take(&ledger, 1, 3));
    CHECK(!ledger_take(&ledger, 3, 2));
    CHECK(ledger_take(&ledger, 4, 1));
    ledger_give_back(&ledger, 1, 3);
    CHECK(ledger_take(&ledger, 0, 4));
}

int main(void)
{
    test_stamp();
    test_exact();
    test_loss();
    test_zeroes();
    return check_finish();
}
