/* SPDX-License-Identifier: MIT */
/*
 * Slot numbers: against a plain array of bools, and at the limits.
 */
#include "lib/base/slots.h"

#include "test/check.h"

static struct slots slots;
static bool model[SLOTS_MAX];

static void test_limits(void)
{
    uint32_t slot;

    CASE("numbers from first to limit, each once, then ERR_NO_CAPS");
    slots_init(&slots, 16, 100);
    for (uint32_t i = 16; i < 100; i++) {
        CHECK_EQ(slots_take(&slots, 1, &slot), OK);
        CHECK_EQ(slot, i);
    }
    slot = 5;
    CHECK_EQ(slots_take(&slots, 1, &slot), ERR_NO_CAPS);
    CHECK_EQ(slot, 5);

    CASE("a raised limit gives more, a lower one changes nothing");
    slots_raise_limit(&slots, 50);
    CHECK_EQ(slots_take(&slots, 1, &slot), ERR_NO_CAPS);
    slots_raise_limit(&slots, 101);
    CHECK_EQ(slots_take(&slots, 1, &slot), OK);
    CHECK_EQ(slot, 100);

    CASE("a number can be given back once");
    CHECK(slots_give(&slots, 40, 1));
    CHECK(!slots_give(&slots, 40, 1));
    CHECK_EQ(slots_take(&slots, 1, &slot), OK);
    CHECK_EQ(slot, 40);

    CASE("impossible ranges");
    CHECK_EQ(slots_take(&slots, 0, &slot), ERR_INVALID);
    CHECK_EQ(slots_take(&slots, 65, &slot), ERR_INVALID);
    CHECK(!slots_give(&slots, SLOTS_MAX, 1));
    CHECK(!slots_give(&slots, 60, 10));
    CHECK(!slots_give(&slots, 16, 0));
}

static bool model_all(uint32_t first, unsigned count, bool used)
{
    for (unsigned i = 0; i < count; i++)
        if (model[first + i] != used)
            return false;
    return true;
}

static void test_random(void)
{
    static struct {
        uint32_t first;
        unsigned count;
    } taken[2000];
    unsigned number = 0;

    CASE("200,000 random steps agree with an array");
    slots_init(&slots, 16, 1000);
    for (uint32_t i = 0; i < 16; i++)
        model[i] = true;
    srand(1);
    for (int step = 0; step < 200000; step++) {
        unsigned count = 1 + (unsigned)rand() % (rand() % 8 ? 4 : 64);
        uint32_t first;

        if (rand() % 2 && number < 2000 && slots_take(&slots, count, &first) == OK) {
            REQUIRE(first + count <= 1000 && first / 64 == (first + count - 1) / 64);
            REQUIRE(model_all(first, count, false));
            memset(model + first, true, count);
            taken[number].first = first;
            taken[number++].count = count;
        } else if (number) {
            unsigned victim = (unsigned)rand() % number;

            REQUIRE(slots_give(&slots, taken[victim].first, taken[victim].count));
            memset(model + taken[victim].first, false, taken[victim].count);
            taken[victim] = taken[--number];
        }
    }
}

int main(void)
{
    test_limits();
    test_random();
    return check_finish();
}
