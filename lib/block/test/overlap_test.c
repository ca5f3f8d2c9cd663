/* SPDX-License-Identifier: MIT */
/* The table of ranges against a list of them, compared one by one. */
#include "lib/block/overlap.h"

#include "test/check.h"

enum { ENTRIES = 64, STEPS = 200000 };

static struct overlap_table table;
static struct overlap_entry entries[ENTRIES];

static bool conflicts(const struct overlap_entry *entry, bool writes)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        if (&entries[i] != entry && entries[i].node_count && (writes || entries[i].writes) &&
            entries[i].offset < entry->offset + entry->length &&
            entry->offset < entries[i].offset + entries[i].length)
            return true;
    return false;
}

static void range_make(struct overlap_entry *entry)
{
    static const uint64_t spans[] = {4096, 32768, 200000, 1 << 20, 1 << 26};
    uint64_t span = spans[rand() % 5];

    entry->offset = (uint64_t)rand() % (1 << 25);
    if (rand() % 4 == 0)
        entry->offset = (entry->offset + (1ull << 40)) & ~(uint64_t)32767;
    entry->length = 1 + (uint64_t)rand() % span;
}

int main(void)
{
    unsigned found = 0, wrong = 0, writers = 0;

    CASE("small, neighbouring, wide and far ranges: the same answer as a comparison with each");
    overlap_init(&table);
    srand(1);
    for (unsigned i = 0; i < STEPS; i++) {
        struct overlap_entry *entry = &entries[rand() % ENTRIES];
        bool writes = rand() % 3 == 0, expected;

        if (entry->node_count) {
            overlap_remove(&table, entry);
            continue;
        }
        range_make(entry);
        expected = conflicts(entry, writes);
        found += expected;
        wrong += overlap_conflicts(&table, entry, writes) != expected;
        wrong += overlap_claim(&table, entry, writes) == expected;
        if (expected && rand() % 8 == 0)
            overlap_insert(&table, entry, writes);
    }
    for (unsigned i = 0; i < ENTRIES; i++)
        writers += entries[i].node_count && entries[i].writes;
    CHECK_EQ(wrong, 0);
    CHECK_EQ(table.writers, writers);
    CHECK(found > STEPS / 20 && found < STEPS / 2);
    return check_finish();
}
