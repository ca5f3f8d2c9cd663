/* SPDX-License-Identifier: MIT */
/*
 * range_ok() against an oracle that computes in 128 bits, on every combination of the values around each border.
 */
#include "lib/range/range.h"

#include "test/check.h"

static bool oracle(uint64_t offset, uint64_t length, uint64_t limit)
{
    return (unsigned __int128)offset + length <= limit;
}

static const uint64_t border[] = {
    0,
    1,
    2,
    3,
    4095,
    4096,
    4097,
    INT32_MAX,
    UINT32_MAX,
    (uint64_t)UINT32_MAX + 1,
    INT64_MAX,
    (uint64_t)INT64_MAX + 1,
    UINT64_MAX - 4096,
    UINT64_MAX - 1,
    UINT64_MAX,
};

enum { BORDERS = sizeof border / sizeof border[0] };

int main(void)
{
    CASE("fixed examples");
    CHECK(range_ok(0, 0, 0));
    CHECK(range_ok(10, 0, 10));
    CHECK(!range_ok(11, 0, 10));
    CHECK(range_ok(4, 6, 10));
    CHECK(!range_ok(4, 7, 10));
    CHECK(!range_ok(UINT64_MAX, 2, 10));
    CHECK(!range_ok(2, UINT64_MAX, 10));
    CHECK(range_ok(0, UINT64_MAX, UINT64_MAX));

    CASE("all border combinations equal 128-bit arithmetic");
    unsigned wrong = 0;
    for (unsigned i = 0; i < BORDERS; i++)
        for (unsigned j = 0; j < BORDERS; j++)
            for (unsigned k = 0; k < BORDERS; k++)
                wrong += range_ok(border[i], border[j], border[k]) != oracle(border[i], border[j], border[k]);
    CHECK_EQ(wrong, 0);

    CASE("all small combinations equal 128-bit arithmetic");
    for (unsigned i = 0; i < 32 * 32 * 32; i++)
        wrong += range_ok(i % 32, i / 32 % 32, i / 1024) != oracle(i % 32, i / 32 % 32, i / 1024);
    CHECK_EQ(wrong, 0);
    return check_finish();
}
