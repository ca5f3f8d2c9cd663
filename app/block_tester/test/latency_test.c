/* SPDX-License-Identifier: MIT */
/* Percentiles against a sorted list. */
#include "app/block_tester/latency.h"
#include "test/check.h"

#include <stdlib.h>

#define COUNT 20000u

static uint64_t values[COUNT];

static int by_value(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

    return one < other ? -1 : one > other;
}

/* Never below the true value, and at most 1/16 above. */
static void compare(const struct latency *latency)
{
    static const unsigned points[] = {1, 10, 250, 500, 900, 990, 999, 1000};

    qsort(values, COUNT, sizeof(*values), by_value);
    for (unsigned i = 0; i < sizeof(points) / sizeof(*points); i++) {
        uint64_t right = values[(COUNT * points[i] + 999) / 1000 - 1];
        uint64_t got = latency_permille(latency, points[i]);

        CHECK(got >= right);
        CHECK(got <= right + right / LATENCY_STEPS);
    }
    CHECK(latency_permille(latency, 1000) == values[COUNT - 1]);
    CHECK(latency->most == values[COUNT - 1]);
}

static void test_random(void)
{
    CASE("percentiles of random values of all sizes");
    for (unsigned limit = 3; limit <= 46; limit++) {
        struct latency latency = {0};

        for (unsigned i = 0; i < COUNT; i++) {
            values[i] = ((uint64_t)random() << 31 ^ (uint64_t)random()) & (((uint64_t)1 << limit) - 1);
            latency_add(&latency, values[i]);
        }
        CHECK(latency.count == COUNT);
        compare(&latency);
    }
}

static void test_edges(void)
{
    struct latency latency = {0}, sum = {0};

    CASE("none, one, and more than fits");
    CHECK(latency_permille(&latency, 990) == 0);
    latency_add(&latency, 0);
    CHECK(latency_permille(&latency, 990) == 0);
    latency_add(&latency, 7);
    CHECK(latency_permille(&latency, 500) == 0);
    CHECK(latency_permille(&latency, 501) == 7);
    latency_add(&latency, UINT64_MAX);
    CHECK(latency.most == UINT64_MAX);
    CHECK(latency_permille(&latency, 1000) > (uint64_t)1 << 46);
    latency_merge(&sum, &latency);
    latency_merge(&sum, &latency);
    CHECK(sum.count == 6);
    CHECK(sum.most == UINT64_MAX);
    CHECK(latency_permille(&sum, 334) == 7);
}

int main(void)
{
    test_random();
    test_edges();
    return check_finish();
}
