/* SPDX-License-Identifier: MIT */
/*
 * 8254: counts, outputs and interrupts in each mode, latch and read-back, gate, port 0x61.
 */
#include "vmm/device/pit/pit.h"
#include "vmm/device/test/fixture.h"
#include "vmm/device/ticks.h"

static struct pit pit;
static struct fixture_line irq0;

static void at_tick(uint64_t tick)
{
    fixture_ns = ticks_to_ns(tick, PIT_HZ);
}

static void setup(void)
{
    at_tick(1000000);
    irq0 = (struct fixture_line){.level = true};
    pit_init(&pit, fixture_clock, fixture_irq(&irq0));
}

static void program(unsigned channel, unsigned mode, uint16_t count)
{
    pit_write(&pit, 3, 1, channel << 6 | 0x30 | mode << 1);
    pit_write(&pit, channel, 1, count & 0xff);
    pit_write(&pit, channel, 1, count >> 8);
}

static uint16_t read_count(unsigned channel)
{
    uint16_t low;

    pit_write(&pit, 3, 1, channel << 6);
    low = (uint16_t)pit_read(&pit, channel, 1);
    return (uint16_t)(low | pit_read(&pit, channel, 1) << 8);
}

static uint8_t read_status(unsigned channel)
{
    pit_write(&pit, 3, 1, 0xe0 | 2u << channel);
    return (uint8_t)pit_read(&pit, channel, 1);
}

/* Lets the main loop handle every deadline up to `tick`; returns how many there were. */
static unsigned run_to(uint64_t tick)
{
    uint64_t end = ticks_to_ns(tick, PIT_HZ);
    unsigned wakes = 0;

    for (; pit_deadline(&pit) <= end; wakes++) {
        fixture_ns = pit_deadline(&pit);
        pit_expire(&pit, fixture_ns);
    }
    fixture_ns = end;
    return wakes;
}

static void test_one_shot(void)
{
    CASE("power-on: no interrupt, no deadline");
    setup();
    CHECK_EQ(pit_deadline(&pit), DEVICE_NO_DEADLINE);
    CHECK_EQ(irq0.rises + irq0.falls, 0);

    CASE("mode 0: low while counting, one rise at the terminal count, counts on from 0xffff");
    program(0, 0, 100);
    CHECK(!irq0.level);
    CHECK_EQ(pit_deadline(&pit), ticks_to_ns(1000100, PIT_HZ));
    at_tick(1000030);
    CHECK_EQ(read_count(0), 70);
    CHECK_EQ(run_to(1000105), 1);
    CHECK(irq0.level);
    CHECK_EQ(irq0.rises, 1);
    CHECK_EQ(read_count(0), 0xfffb);
    CHECK_EQ(pit_deadline(&pit), DEVICE_NO_DEADLINE);

    CASE("mode 0: the first of two bytes stops the count");
    setup();
    program(0, 0, 100);
    pit_write(&pit, 0, 1, 50);
    CHECK_EQ(pit_deadline(&pit), DEVICE_NO_DEADLINE);
    pit_write(&pit, 0, 1, 0);
    CHECK_EQ(pit_deadline(&pit), ticks_to_ns(1000050, PIT_HZ));

    CASE("mode 4 without a new control word (Linux one-shot): each count gives one strobe");
    setup();
    program(0, 4, 20);
    CHECK_EQ(run_to(1000100), 1);
    CHECK_EQ(irq0.rises, 1);
    pit_write(&pit, 0, 1, 30);
    pit_write(&pit, 0, 1, 0);
    CHECK_EQ(run_to(1000200), 1);
    CHECK_EQ(irq0.rises, 2);
    CHECK_EQ(pit_deadline(&pit), DEVICE_NO_DEADLINE);
}

static void test_periodic(void)
{
    CASE("mode 2: a rise each period; the count goes from N to 1");
    setup();
    program(0, 2, 1000);
    CHECK(irq0.level);
    CHECK_EQ(read_count(0), 1000);
    at_tick(1000999);
    CHECK_EQ(read_count(0), 1);
    CHECK_EQ(read_status(0) >> 7, 0);
    CHECK_EQ(run_to(1010000), 10);
    CHECK_EQ(irq0.rises, 10);

    CASE("mode 2: late handling merges edges");
    at_tick(1015500);
    pit_expire(&pit, fixture_ns);
    CHECK_EQ(irq0.rises, 11);
    CHECK_EQ(pit_deadline(&pit), ticks_to_ns(1016000, PIT_HZ));

    CASE("mode 2: a new count starts with the next period; null count until then");
    pit_write(&pit, 0, 1, 200);
    pit_write(&pit, 0, 1, 0);
    CHECK_EQ(read_status(0) & 0x40, 0x40);
    CHECK_EQ(read_count(0), 500);
    CHECK_EQ(run_to(1016100), 1);
    CHECK_EQ(read_status(0) & 0x40, 0);
    CHECK_EQ(read_count(0), 100);
    CHECK_EQ(pit_deadline(&pit), ticks_to_ns(1016200, PIT_HZ));

    CASE("mode 3: square wave, counts by two, odd counts are longer high");
    setup();
    program(0, 3, 1001);
    CHECK_EQ(read_count(0), 1000);
    at_tick(1000100);
    CHECK_EQ(read_count(0), 800);
    at_tick(1000500);
    CHECK_EQ(read_status(0) >> 7, 1);
    at_tick(1000501);
    CHECK_EQ(read_status(0) >> 7, 0);
    CHECK_EQ(read_count(0), 1000);
    CHECK_EQ(run_to(1001000 + 1001 * 4), 4);
    CHECK_EQ(irq0.rises, 4);

    CASE("count 0 means 65536");
    setup();
    program(0, 2, 0);
    CHECK_EQ(pit_deadline(&pit), ticks_to_ns(1065536, PIT_HZ));
}

static void test_latch(void)
{
    CASE("counter latch holds until read; a second latch is ignored");
    setup();
    program(0, 2, 0x8000);
    pit_write(&pit, 3, 1, 0);
    at_tick(1000100);
    pit_write(&pit, 3, 1, 0);
    CHECK_EQ(pit_read(&pit, 0, 1), 0x00);
    CHECK_EQ(pit_read(&pit, 0, 1), 0x80);
    CHECK_EQ(read_count(0), 0x8000 - 100);

    CASE("read-back of status and count: status first");
    pit_write(&pit, 3, 1, 0xc2);
    CHECK_EQ(pit_read(&pit, 0, 1), 0xb4);
    CHECK_EQ(pit_read(&pit, 0, 1) | pit_read(&pit, 0, 1) << 8, 0x8000 - 100);

    CASE("one-byte access modes; the control port does not read");
    pit_write(&pit, 3, 1, 0x14);
    pit_write(&pit, 0, 1, 80);
    CHECK_EQ(pit_read(&pit, 0, 1), 80);
    CHECK_EQ(pit_read(&pit, 0, 1), 80);
    pit_write(&pit, 3, 1, 0x24);
    pit_write(&pit, 0, 1, 2);
    CHECK_EQ(pit_read(&pit, 0, 1), 2);
    CHECK_EQ(pit_read(&pit, 3, 1), 0xff);
}

static void test_channel2(void)
{
    CASE("port 0x61: gate stops and resumes mode 0; OUT2 tells the end (TSC calibration)");
    setup();
    pit_port61_write(&pit, 0, 1, 0);
    program(2, 0, 500);
    at_tick(1001000);
    CHECK_EQ(read_count(2), 500);
    CHECK_EQ(pit_port61_read(&pit, 0, 1) & 0x20, 0);
    pit_port61_write(&pit, 0, 1, 1);
    at_tick(1001100);
    pit_port61_write(&pit, 0, 1, 0);
    at_tick(1009000);
    CHECK_EQ(read_count(2), 400);
    pit_port61_write(&pit, 0, 1, 3);
    at_tick(1009399);
    CHECK_EQ(pit_port61_read(&pit, 0, 1) & 0x2f, 0x03);
    at_tick(1009400);
    CHECK_EQ(pit_port61_read(&pit, 0, 1) & 0x2f, 0x23);

    CASE("mode 3: gate low forces OUT high, a rise restarts");
    setup();
    program(2, 3, 100);
    pit_port61_write(&pit, 0, 1, 0);
    at_tick(1000170);
    CHECK_EQ(pit_port61_read(&pit, 0, 1) & 0x20, 0x20);
    pit_port61_write(&pit, 0, 1, 1);
    at_tick(1000219);
    CHECK_EQ(pit_port61_read(&pit, 0, 1) & 0x20, 0x20);
    at_tick(1000220);
    CHECK_EQ(pit_port61_read(&pit, 0, 1) & 0x20, 0);

    CASE("the refresh bit toggles about every 15 us");
    unsigned changes = 0;
    for (uint64_t i = 0, before = 0; i < 1000; i++, fixture_ns += 1000) {
        uint64_t bit = pit_port61_read(&pit, 0, 1) & 0x10;

        changes += i > 0 && bit != before;
        before = bit;
    }
    CHECK(changes >= 65 && changes <= 67);
}

int main(void)
{
    test_one_shot();
    test_periodic();
    test_latch();
    test_channel2();
    return check_finish();
}
