/* SPDX-License-Identifier: MIT */
/*
 * MC146818: calendar, encodings, UIP, SET, update, alarm and periodic interrupts, NVRAM.
 */
#include <time.h>

#include "vmm/device/rtc/rtc.h"
#include "vmm/device/test/fixture.h"

#define SECOND 1000000000ull
#define START  1709251199ull /* Thursday 2024-02-29 23:59:59 UTC */

static struct rtc rtc;
static struct fixture_line irq8;

static void setup(void)
{
    fixture_ns = 77 * SECOND;
    irq8 = (struct fixture_line){0};
    rtc_init(&rtc, fixture_clock, fixture_irq(&irq8), START);
}

static uint8_t get(unsigned index)
{
    rtc_write(&rtc, 0, 1, index);
    return (uint8_t)rtc_read(&rtc, 1, 1);
}

static void put(unsigned index, uint8_t value)
{
    rtc_write(&rtc, 0, 1, index | 0x80);
    rtc_write(&rtc, 1, 1, value);
}

static unsigned run_for(uint64_t ns)
{
    uint64_t end = fixture_ns + ns;
    unsigned wakes = 0;

    for (; rtc_deadline(&rtc) <= end; wakes++) {
        fixture_ns = rtc_deadline(&rtc);
        rtc_expire(&rtc, fixture_ns);
    }
    fixture_ns = end;
    return wakes;
}

static void test_calendar(void)
{
    CASE("calendar agrees with the C library");
    for (uint64_t seconds = 0; seconds < 253402300800ull; seconds += 12345677) {
        time_t input = (time_t)seconds;
        struct tm *tm = gmtime(&input);
        struct rtc_time time;

        rtc_time_from_seconds(seconds, &time);
        REQUIRE(time.year == (uint32_t)tm->tm_year + 1900 && time.month == tm->tm_mon + 1);
        REQUIRE(time.day == tm->tm_mday && time.hour == tm->tm_hour && time.minute == tm->tm_min);
        REQUIRE(time.second == tm->tm_sec && time.weekday == tm->tm_wday + 1);
        REQUIRE(rtc_time_to_seconds(&time) == seconds);
    }

    CASE("calendar survives times beyond its end");
    struct rtc_time time;
    rtc_time_from_seconds(253402300800ull, &time);
    CHECK_EQ(time.year, 9999);
    CHECK_EQ(time.month, 12);
    CHECK_EQ(time.day, 31);
    rtc_time_from_seconds(UINT64_MAX, &time);
    CHECK_EQ(time.year, 9999);
}

static void test_time(void)
{
    CASE("BCD, 24 hours, over a leap day");
    setup();
    CHECK_EQ(get(0), 0x59);
    CHECK_EQ(get(2), 0x59);
    CHECK_EQ(get(4), 0x23);
    CHECK_EQ(get(6), 5);
    CHECK_EQ(get(7), 0x29);
    CHECK_EQ(get(8), 0x02);
    CHECK_EQ(get(9), 0x24);
    CHECK_EQ(get(0x32), 0x20);
    CHECK_EQ(get(0x0d), 0x80);
    fixture_ns += SECOND;
    CHECK_EQ(get(0), 0);
    CHECK_EQ(get(4), 0);
    CHECK_EQ(get(7), 1);
    CHECK_EQ(get(8), 3);

    CASE("binary; always 24 hours");
    put(0x0b, 0x04);
    CHECK_EQ(get(0x0b), 0x06);
    fixture_ns += 13 * 3600 * SECOND;
    CHECK_EQ(get(4), 13);
    put(0x0b, 0x00);
    CHECK_EQ(get(4), 0x13);

    CASE("UIP warns 2228 us before the second");
    setup();
    fixture_ns += SECOND - 2228001;
    CHECK_EQ(get(0x0a), 0x26);
    fixture_ns += 1;
    CHECK_EQ(get(0x0a), 0xa6);
    CHECK_EQ(get(0), 0x59);
    fixture_ns += 2228000;
    CHECK_EQ(get(0x0a), 0x26);
    CHECK_EQ(get(0), 0);

    CASE("SET holds the time, and it goes on from what was written");
    setup();
    put(0x0b, 0x82);
    fixture_ns += 5 * SECOND + 300000000;
    CHECK_EQ(get(0), 0x59);
    CHECK_EQ(get(0x0a), 0x26);
    put(0, 0x10);
    put(2, 0x20);
    put(4, 0x12);
    put(7, 0x31);
    put(8, 0x12);
    put(9, 0x30);
    put(0x0b, 0x02);
    CHECK_EQ(get(0), 0x10);
    fixture_ns += 700000000;
    CHECK_EQ(get(0), 0x11);
    CHECK_EQ(get(6), 3);
    CHECK_EQ(get(9), 0x30);

    CASE("divider reset: the first update comes half a second after release (Linux sets the time so)");
    put(0x0a, 0x76);
    fixture_ns += 3 * SECOND;
    CHECK_EQ(get(0), 0x11);
    put(0x0a, 0x26);
    fixture_ns += 499999999;
    CHECK_EQ(get(0), 0x11);
    fixture_ns += 1;
    CHECK_EQ(get(0), 0x12);

    CASE("a register written without SET takes effect at once; nonsense does no harm");
    setup();
    put(2, 0x30);
    CHECK_EQ(get(2), 0x30);
    CHECK_EQ(get(0), 0x59);
    for (unsigned i = 0; i < 10; i++)
        put(i, 0xff);
    put(0x32, 0xff);
    CHECK_EQ(get(0x32), 0x99);
}

static void test_interrupts(void)
{
    CASE("update-ended interrupt each second, cleared by reading C");
    setup();
    CHECK_EQ(rtc_deadline(&rtc), DEVICE_NO_DEADLINE);
    put(0x0b, 0x12);
    CHECK_EQ(rtc_deadline(&rtc), 78 * SECOND);
    CHECK_EQ(run_for(SECOND), 1);
    CHECK(irq8.level);
    CHECK_EQ(run_for(5 * SECOND), 0);
    CHECK_EQ(get(0x0c) & 0x90, 0x90);
    CHECK(!irq8.level);
    CHECK_EQ(get(0x0c) & 0xb0, 0);
    CHECK_EQ(run_for(SECOND), 1);

    CASE("flags rise without their interrupts being enabled");
    setup();
    fixture_ns += SECOND;
    CHECK_EQ(get(0x0c) & 0x90, 0x10);

    CASE("alarm at a time of day, and with wildcards");
    setup();
    put(1, 0x05);
    put(3, 0x00);
    put(5, 0x00);
    put(0x0b, 0x22);
    CHECK_EQ(rtc_deadline(&rtc), fixture_ns + 6 * SECOND);
    CHECK_EQ(run_for(6 * SECOND), 1);
    CHECK_EQ(get(0x0c) & 0xb0, 0xb0);
    CHECK_EQ(rtc_deadline(&rtc), fixture_ns + 86400 * SECOND);
    put(5, 0xff);
    CHECK_EQ(rtc_deadline(&rtc), fixture_ns + 3600 * SECOND);
    put(3, 0xc0);
    put(1, 0xff);
    CHECK_EQ(rtc_deadline(&rtc), fixture_ns + SECOND);
    put(1, 0x99);
    CHECK_EQ(rtc_deadline(&rtc), DEVICE_NO_DEADLINE);

    CASE("periodic interrupt at 64 Hz");
    setup();
    put(0x0a, 0x2a);
    put(0x0b, 0x42);
    unsigned count = 0;
    for (uint64_t end = fixture_ns + SECOND; rtc_deadline(&rtc) <= end; count++) {
        fixture_ns = rtc_deadline(&rtc);
        rtc_expire(&rtc, fixture_ns);
        CHECK(irq8.level);
        CHECK_EQ(get(0x0c) & 0xc0, 0xc0);
    }
    CHECK_EQ(count, 64);
    put(0x0a, 0x20);
    CHECK_EQ(rtc_deadline(&rtc), DEVICE_NO_DEADLINE);

    CASE("SET clears UIE");
    put(0x0b, 0x92);
    CHECK_EQ(get(0x0b), 0x82);
}

static void test_memory(void)
{
    CASE("NVRAM keeps bytes; C and D cannot be written; the index port does not read");
    setup();
    put(0x0e, 0x12);
    put(0x7f, 0x34);
    put(0x0d, 0);
    CHECK_EQ(get(0x0e), 0x12);
    CHECK_EQ(get(0x7f), 0x34);
    CHECK_EQ(get(0x0b), 0x02);
    CHECK_EQ(get(0x0d), 0x80);
    CHECK_EQ(rtc_read(&rtc, 0, 1), 0xff);
}

int main(void)
{
    test_calendar();
    test_time();
    test_interrupts();
    test_memory();
    return check_finish();
}
