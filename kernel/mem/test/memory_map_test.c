/* SPDX-License-Identifier: MIT */
/* The memory map against an array with one type a page. */
#include "kernel/mem/memory_map.h"
#include "test/check.h"

#define PAGES 200u

static unsigned random_state = 1;

static unsigned random_below(unsigned limit)
{
    random_state = random_state * 1103515245 + 12345;
    return (random_state >> 12) % limit;
}

static void check_map(const struct memory_map *map, const unsigned *types)
{
    unsigned found[PAGES] = {0};

    for (uint32_t i = 0; i < map->count; i++) {
        CHECK(map->range[i].size != 0);
        if (i) {
            const struct boot_memory *last = &map->range[i - 1];

            CHECK(last->base + last->size <= map->range[i].base);
            CHECK(last->base + last->size < map->range[i].base || last->type != map->range[i].type);
        }
        for (uint64_t at = 0; at < map->range[i].size; at += 4096)
            found[(map->range[i].base + at) / 4096] = (unsigned)map->range[i].type;
    }
    CHECK_MEM(found, types, sizeof(found));
}

static void test_random(void)
{
    CASE("random ranges: later ones win, neighbours merge, order holds");
    for (unsigned round = 0; round < 500; round++) {
        struct memory_map map = {0};
        unsigned types[PAGES] = {0};

        for (unsigned i = 0; i < 30; i++) {
            unsigned base = random_below(PAGES), size = random_below(PAGES - base),
                     type = random_below(5) + 1;

            if (!memory_map_set(&map, base * 4096ull, size * 4096ull, type))
                break;
            for (unsigned page = base; page < base + size; page++)
                types[page] = type;
        }
        check_map(&map, types);
    }
}

static void test_edges(void)
{
    struct memory_map map = {0};

    CASE("free ranges shrink to pages, others grow");
    CHECK(memory_map_set(&map, 0x1800, 0x2000, BOOT_MEMORY_FREE));
    CHECK_EQ(map.range[0].base, 0x2000);
    CHECK_EQ(map.range[0].size, 0x1000);
    CHECK(memory_map_set(&map, 0x5800, 1, BOOT_MEMORY_RESERVED));
    CHECK_EQ(map.range[1].base, 0x5000);
    CHECK_EQ(map.range[1].size, 0x1000);
    CHECK(memory_map_set(&map, 0x7800, 0x100, BOOT_MEMORY_FREE));
    CHECK_EQ(map.count, 2);

    CASE("a range that would wrap ends at the top");
    CHECK(memory_map_set(&map, 0xfffffffffffe0000, 0xffffffffffff, BOOT_MEMORY_RESERVED));
    CHECK_EQ(map.range[2].size, 0x1f000);

    CASE("a full list refuses and keeps what it has");
    map.count = 0;
    for (uint64_t i = 0; i < BOOT_MEMORY_MAX; i++)
        CHECK(memory_map_set(&map, i * 0x2000, 0x1000, BOOT_MEMORY_FREE));
    CHECK(!memory_map_set(&map, 0x900000, 0x1000, BOOT_MEMORY_FREE));
    CHECK_EQ(map.count, BOOT_MEMORY_MAX);

    CASE("the largest range of a type below a limit");
    map.count = 0;
    CHECK(!memory_map_largest(&map, BOOT_MEMORY_FREE, 1ull << 32));
    CHECK(memory_map_set(&map, 0x1000, 0x3000, BOOT_MEMORY_FREE));
    CHECK(memory_map_set(&map, 0x8000, 0x9000, BOOT_MEMORY_FREE));
    CHECK(memory_map_set(&map, 1ull << 32, 1ull << 30, BOOT_MEMORY_FREE));
    CHECK_EQ(memory_map_largest(&map, BOOT_MEMORY_FREE, 1ull << 32)->base, 0x8000);
}

int main(void)
{
    test_random();
    test_edges();
    return check_finish();
}
