/* SPDX-License-Identifier: MIT */
/* A second counter is simulated: apart by a known number of ticks, answered after delays. */
#include "kernel/arch/x86_64/tsc_offset.h"
#include "test/check.h"

static uint64_t seed = 1;

static uint64_t random_below(uint64_t limit)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (seed >> 33) % limit;
}

/* Readings at random times; the answer comes up to `delay` ticks after the question, and is heard as late again. */
static struct tsc_offset readings(uint64_t start, int64_t apart, unsigned count, uint64_t delay)
{
    struct tsc_offset offset = TSC_OFFSET_UNKNOWN;

    for (unsigned i = 0; i < count; i++) {
        uint64_t before = start + random_below(1000000), at = before + random_below(delay + 1);

        tsc_offset_add(&offset, before, at + (uint64_t)apart, at + random_below(delay + 1));
    }
    return offset;
}

static void test_agreement(void)
{
    CASE("equal counters agree, whatever the delays");
    for (unsigned i = 0; i < 1000; i++) {
        struct tsc_offset offset = readings(random_below(UINT32_MAX), 0, 16, random_below(100000));

        CHECK_EQ(tsc_offset_verdict(&offset), TSC_AGREES);
    }

    CASE("a difference below what can be seen agrees");
    struct tsc_offset offset = TSC_OFFSET_UNKNOWN;
    tsc_offset_add(&offset, 1000, 1060, 1100);
    CHECK_EQ(offset.low, -40);
    CHECK_EQ(offset.high, 60);
    CHECK_EQ(tsc_offset_verdict(&offset), TSC_AGREES);
}

static void test_difference(void)
{
    static const int64_t differences[] = {1,         -1,           5000,          -5000,
                                          1ll << 40, -(1ll << 40), INT64_MAX / 2, INT64_MIN / 2};

    CASE("a difference is found within the known bounds, and corrected");
    for (unsigned i = 0; i < 8; i++) {
        struct tsc_offset offset = readings(1ull << 32, differences[i], 16, 300);

        CHECK(offset.low <= differences[i] && differences[i] <= offset.high);
        CHECK(offset.high - offset.low <= 600);
        int64_t left = differences[i] + tsc_offset_correction(&offset);

        CHECK(left >= -300 && left <= 300);
        offset = readings(1ull << 33, left, 16, 300);
        CHECK(tsc_offset_verdict(&offset) == TSC_AGREES || (left && left >= -300 && left <= 300));
    }

    CASE("without delay it is exact");
    for (unsigned i = 0; i < 8; i++) {
        struct tsc_offset offset = readings(1ull << 32, differences[i], 4, 0);

        CHECK_EQ(tsc_offset_verdict(&offset), TSC_DIFFERS);
        CHECK_EQ(tsc_offset_correction(&offset), -differences[i]);
    }

    CASE("counters that wrap around differ as others do");
    struct tsc_offset offset = readings(UINT64_MAX - 500000, 777, 16, 0);
    CHECK_EQ(tsc_offset_correction(&offset), -777);
}

static void test_unsteady(void)
{
    struct tsc_offset offset = TSC_OFFSET_UNKNOWN;

    CASE("a counter that runs twice as fast contradicts itself");
    for (uint64_t t = 1000; t < 100000; t += 1000)
        tsc_offset_add(&offset, t, 2 * t + 20, t + 40);
    CHECK_EQ(tsc_offset_verdict(&offset), TSC_UNSTEADY);
}

int main(void)
{
    test_agreement();
    test_difference();
    test_unsteady();
    return check_finish();
}
