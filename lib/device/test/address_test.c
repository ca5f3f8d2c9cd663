/* SPDX-License-Identifier: MIT */
/*
 * device_dma_address against a search from the beginning, over mappings of any number of runs.
 */
#include "lib/device/device.h"

#include "test/check.h"

#define RUNS_MOST 40u

static struct device_run runs[RUNS_MOST];

static uint64_t random_below(uint64_t limit)
{
    static uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % limit;
}

/* Runs of 1 to 4 pages, anywhere. */
static struct device_mapping make(uint32_t count)
{
    struct device_mapping mapping = {.run_count = count, .runs = runs};

    for (uint32_t i = 0; i < count; i++) {
        runs[i] = (struct device_run){mapping.size, random_below(1u << 20) * 4096};
        mapping.size += (1 + random_below(4)) * 4096;
    }
    return mapping;
}

static void compare(const struct device_mapping *mapping, uint64_t offset)
{
    uint64_t contiguous;
    uint32_t i = mapping->run_count - 1;

    while (runs[i].offset > offset)
        i--;
    uint64_t end = i + 1 < mapping->run_count ? runs[i + 1].offset : mapping->size;

    CHECK_EQ(device_dma_address(mapping, offset, &contiguous), runs[i].address + offset - runs[i].offset);
    CHECK_EQ(contiguous, end - offset);
}

int main(void)
{
    CASE("one run: its address and the rest of the mapping");
    struct device_mapping one = make(1);
    for (uint64_t offset = 0; offset < one.size; offset += 8)
        compare(&one, offset);

    CASE("any number of runs: first and last byte of each page, and bytes between");
    for (uint32_t count = 1; count <= RUNS_MOST; count++) {
        struct device_mapping mapping = make(count);

        for (uint64_t page = 0; page < mapping.size; page += 4096) {
            compare(&mapping, page);
            compare(&mapping, page + random_below(4096));
            compare(&mapping, page + 4095);
        }
    }
    return check_finish();
}
