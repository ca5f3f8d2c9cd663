/* SPDX-License-Identifier: MIT */
/*
 * Page tables against an oracle: random operations on windows that cross every table border, beside a plain array that
 * says what each page should map to.
 *
 * A simulated TLB caches translations and table pointers before each operation and drops only what the operation asks
 * to flush. Whatever it still holds afterwards must be true: else a needed flush was not asked for. The frames are
 * counted, run out at random, and must be back at the end.
 */
#include <string.h>

#include "kernel/mem/frame.h"
#include "kernel/mem/page_table.h"
#include "test/check.h"

#define OPERATIONS   150000u
#define FRAMES       64u
#define WINDOWS      4u
#define WINDOW_PAGES 2048u
#define PAGES        (WINDOWS * WINDOW_PAGES)
#define LARGE_PAGES  512u
#define TLB_SIZE     96u

_Thread_local struct cpu *host_cpu;
uint8_t *host_memory;
uint8_t *frame_kind;
uint64_t frame_count;

static uint8_t memory[(FRAMES + 1) * 4096] __attribute__((aligned(4096)));
static bool used[FRAMES + 1];
static unsigned used_count, frame_limit;

static void *frame_alloc(struct page_table *table)
{
    (void)table;
    if (used_count >= frame_limit)
        return NULL;
    for (unsigned i = 1; i <= FRAMES; i++) {
        if (used[i])
            continue;
        used[i] = true;
        used_count++;
        return memset(memory + i * 4096, 0, 4096);
    }
    return NULL;
}

static void frame_free(struct page_table *table, void *frame)
{
    size_t index = (size_t)((uint8_t *)frame - memory) / 4096;

    (void)table;
    REQUIRE(used[index]);
    used[index] = false;
    used_count--;
    memset(frame, 0xa5, 4096);
}

static const struct page_table_frames frames = {frame_alloc, frame_free};

/* Windows cross a 1 GiB, a 512 GiB border, begin at 0, and end where the last large page of host addresses ends. */
static const uint64_t window_base[WINDOWS] = {0, 0x40000000 - 0x400000, 0x8000000000 - 0x400000,
                                              0x7fffff600000};

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % limit);
}

/* The oracle: what each page of the windows maps to. 0: nothing. */
struct page {
    uint64_t value; /* physical address | flags | 1 << 11 */
    bool large;
};
static struct page oracle[PAGES];

static uint64_t address_of(unsigned page)
{
    return window_base[page / WINDOW_PAGES] + page % WINDOW_PAGES * 0x1000ull;
}

/* An x86 table walk, written for itself. `tables` gets the frames passed; returns the value as the oracle has it. */
static uint64_t walk(const struct page_table *table, uint64_t address, uint64_t tables[4], uint64_t *size)
{
    uint64_t at = table->root;

    memset(tables, 0, 4 * sizeof(*tables));
    for (int level = 3; level >= 0; level--) {
        uint64_t entry;

        tables[level] = at;
        memcpy(&entry, memory + at + (address >> (12 + 9 * level) & 511) * 8, 8);
        *size = 0x1000ull << 9 * level;
        if (!(entry & 1))
            return 0;
        at = entry & 0x000ffffffffff000;
        if (level == 0 || entry & 0x80)
            return (at + (address & (*size - 1) & ~0xfffull)) | (entry & 2 ? SPACE_WRITE : 0) |
                   (entry >> 63 ? 0 : SPACE_EXECUTE) |
                   ((entry & 0x18) == 0x18 ? SPACE_UNCACHED
                    : (entry & 0x18) == 8  ? SPACE_WRITE_COMBINING
                                           : 0) |
                   1 << 11;
    }
    return 0;
}

/* Simulated TLB: translations and, with them, the pointers to tables on the way. */
struct cached {
    uint64_t start, size, value; /* size 0: unused; value: of the first page */
    int level; /* -1: translation; else `value` is the table at this level for this region */
};
static struct cached tlb[TLB_SIZE];

static void tlb_fill(const struct page_table *table)
{
    for (unsigned i = 0; i + 4 <= TLB_SIZE; i += 4) {
        uint64_t address = address_of(random_below(PAGES)), tables[4], size;
        uint64_t value = walk(table, address, tables, &size);

        tlb[i] = (struct cached){address & -size, value ? size : 0,
                                 value ? walk(table, address & -size, tables, &size) : 0, -1};
        for (int level = 0; level < 3; level++) {
            uint64_t span = 0x200000ull << 9 * level;

            tlb[i + 1 + (unsigned)level] =
                (struct cached){address & -span, tables[level] ? span : 0, tables[level], level};
        }
    }
}

static void tlb_flush(const struct page_table_flush *flush)
{
    for (unsigned i = 0; i < TLB_SIZE; i++)
        if (tlb[i].start < flush->end && flush->start < tlb[i].start + tlb[i].size)
            tlb[i].size = 0;
}

static bool tlb_true(const struct page_table *table)
{
    for (unsigned i = 0; i < TLB_SIZE; i++) {
        const struct cached *c = &tlb[i];
        uint64_t tables[4], size;

        for (uint64_t at = 0; c->level < 0 && at < c->size; at += 0x1000)
            if (walk(table, c->start + at, tables, &size) != c->value + at)
                return false;
        if (c->level < 0 || !c->size)
            continue;
        walk(table, c->start, tables, &size);
        if (tables[c->level] != c->value)
            return false;
    }
    return true;
}

/* P1 and P2, below one table. */
static unsigned check_table(uint64_t at, int level, unsigned limit)
{
    unsigned count = 0;

    for (unsigned i = 0; i < limit; i++) {
        uint64_t entry;

        memcpy(&entry, memory + at + i * 8, 8);
        count += entry != 0;
        if (!entry || level == 0 || entry & 0x80)
            continue;
        unsigned below = check_table(entry & 0x000ffffffffff000, level - 1, 512);

        CHECK(below != 0);
        CHECK_EQ(below, entry >> 52 & 0x3ff);
    }
    return count;
}

static bool oracle_agrees(const struct page_table *table, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count && i < PAGES; i++) {
        uint64_t tables[4], size;

        if (walk(table, address_of(i), tables, &size) != oracle[i].value)
            return false;
    }
    return true;
}

static struct space_entry random_entry(unsigned *page)
{
    static const unsigned operations[] = {SPACE_MAP,         SPACE_MAP,     SPACE_MAP,   SPACE_REPLACE,
                                          SPACE_REPLACE_ONE, SPACE_PROTECT, SPACE_UNMAP, SPACE_UNMAP};
    struct space_entry entry = {.operation = (uint16_t)operations[random_below(8)]};
    uint32_t most = random_below(20) ? 24 : WINDOW_PAGES;

    *page = random_below(WINDOWS) * WINDOW_PAGES + random_below(WINDOW_PAGES);
    entry.flags = (uint16_t)random_below(4);
    entry.flags |= (uint16_t)(random_below(8) ? 0 : random_below(2) ? SPACE_UNCACHED : SPACE_WRITE_COMBINING);
    entry.pages = random_below(most) + 1;
    entry.physical = (uint64_t)random_below(1u << 20) << 12;
    if (entry.operation <= SPACE_REPLACE && !random_below(3)) {
        entry.flags |= SPACE_LARGE;
        while (address_of(*page) % PAGE_SIZE_LARGE)
            --*page;
        entry.pages = entry.pages % 3 + 1;
        entry.physical &= -PAGE_SIZE_LARGE;
    } else if (entry.operation >= SPACE_PROTECT && !random_below(3)) {
        while (address_of(*page) % PAGE_SIZE_LARGE)
            --*page;
        entry.pages = (entry.pages % 3 + 1) * LARGE_PAGES;
    }
    uint32_t unit = entry.flags & SPACE_LARGE ? LARGE_PAGES : 1, room = WINDOW_PAGES - *page % WINDOW_PAGES;

    if (entry.pages * unit > room)
        entry.pages = room / unit;
    entry.virtual = address_of(*page);
    return entry;
}

/* Applies `done` units to the oracle; false if a MAP should have failed among them. */
static bool oracle_apply(const struct space_entry *entry, unsigned page, uint32_t done)
{
    uint32_t unit = entry->flags & SPACE_LARGE ? LARGE_PAGES : 1;

    for (uint32_t i = 0; i < done * unit; i++) {
        uint64_t *value = &oracle[page + i].value, flags = entry->flags & 0xf;
        uint64_t physical = entry->physical + (entry->operation == SPACE_REPLACE_ONE ? 0 : i * 0x1000ull);

        if (entry->operation == SPACE_MAP && *value)
            return false;
        if (entry->operation <= SPACE_REPLACE_ONE)
            *value = physical | flags | 1 << 11;
        else if (entry->operation == SPACE_UNMAP)
            *value = 0;
        else if (*value)
            *value = (*value & ~0xfffull) | flags | 1 << 11;
    }
    return true;
}

/* Was ERR_EXISTS right for the unit behind the done ones? */
static bool oracle_occupied(const struct space_entry *entry, unsigned page, uint32_t done)
{
    uint32_t unit = entry->flags & SPACE_LARGE ? LARGE_PAGES : 1;

    for (uint32_t i = done * unit; i < (done + 1) * unit; i++)
        if (oracle[page + i].value)
            return true;
    return false;
}

static void check_flush(const struct space_entry *entry, enum status status,
                        const struct page_table_flush *flush)
{
    uint64_t unit = entry->flags & SPACE_LARGE ? PAGE_SIZE_LARGE : 0x1000;
    uint64_t end = entry->virtual + entry->pages * unit;

    if (flush->start >= flush->end)
        return;
    CHECK(entry->operation != SPACE_MAP || status == ERR_NO_KMEM); /* tables that were taken back */
    CHECK(flush->start >= (entry->virtual & -unit) && flush->end <= end);
}

static void random_operation(struct page_table *table)
{
    unsigned page;
    struct space_entry entry = random_entry(&page);
    struct page_table_flush flush = {0, 0};
    uint32_t done = ~0u;
    enum status status;

    if (!entry.pages)
        return;
    frame_limit = random_below(3) ? FRAMES : used_count + random_below(3);
    tlb_fill(table);
    CHECK_EQ(page_table_check(table, &entry), OK);
    status = page_table_update(table, &entry, &done, &flush);
    CHECK(done <= entry.pages);
    CHECK(status == OK ? done == entry.pages : done < entry.pages);
    CHECK(oracle_apply(&entry, page, done));
    if (status == ERR_EXISTS)
        CHECK(entry.operation == SPACE_MAP && oracle_occupied(&entry, page, done));
    else if (status == ERR_AGAIN)
        CHECK(done >= PAGE_TABLE_STEPS);
    else
        CHECK(status == OK || (status == ERR_NO_KMEM && used_count + 3 > frame_limit));
    check_flush(&entry, status, &flush);
    tlb_flush(&flush);
    CHECK(tlb_true(table));
    CHECK(oracle_agrees(table, page, entry.pages * (entry.flags & SPACE_LARGE ? LARGE_PAGES : 1)));
}

static void test_random(void)
{
    struct page_table table;

    CASE("random operations agree with the oracle; every needed flush is asked for; frames return");
    frame_limit = FRAMES;
    REQUIRE(page_table_init(&table, &page_table_host, &frames, NULL));
    for (unsigned i = 0; i < OPERATIONS && !check_state.case_failures; i++) {
        random_operation(&table);
        if (i % 500 == 0) {
            CHECK(oracle_agrees(&table, 0, PAGES));
            check_table(table.root, 3, 256);
        }
    }
    frame_limit = FRAMES;
    for (unsigned i = 0; i < WINDOWS; i++) {
        struct space_entry entry = {
            .virtual = window_base[i], .pages = WINDOW_PAGES, .operation = SPACE_UNMAP};
        struct page_table_flush flush = {0, 0};
        uint32_t done;
        enum status status;

        while ((status = page_table_update(&table, &entry, &done, &flush)) == ERR_AGAIN) {
            entry.virtual += done * 0x1000ull;
            entry.pages -= done;
        }
        CHECK_EQ(status, OK);
    }
    CHECK_EQ(used_count, 1);
    CHECK(page_table_release(&table));
    CHECK_EQ(used_count, 0);
}

static void test_release(void)
{
    struct page_table table;
    struct page_table_flush flush = {0, 0};
    unsigned calls = 1;
    uint32_t done;

    CASE("release frees a bounded number of tables a call, and all in the end");
    REQUIRE(page_table_init(&table, &page_table_nested, &frames, NULL));
    for (uint64_t i = 0; i < 15; i++) {
        struct space_entry entry = {.virtual = i << 39 | i << 30 | i << 21, .physical = i << 12, .pages = 1};

        CHECK_EQ(page_table_update(&table, &entry, &done, &flush), OK);
    }
    CHECK_EQ(used_count, 46);
    CHECK(flush.start >= flush.end);
    while (!page_table_release(&table))
        calls++;
    CHECK_EQ(calls, 3);
    CHECK_EQ(used_count, 0);
}

static void set_all(struct page_table *table, enum space_operation operation)
{
    struct page_table_flush flush = {0, 0};
    uint32_t done;

    for (uint64_t i = 0; i < 15; i++) {
        struct space_entry entry = {.virtual = i << 39 | i << 30 | i << 21,
                                    .physical = i << 12,
                                    .pages = 1,
                                    .operation = (uint16_t)operation};

        CHECK_EQ(page_table_update(table, &entry, &done, &flush), OK);
    }
}

static void test_release_in_part(void)
{
    struct page_table table;

    CASE("a table that was released in part counts its entries right");
    REQUIRE(page_table_init(&table, &page_table_nested, &frames, NULL));
    set_all(&table, SPACE_MAP);
    CHECK(!page_table_release(&table));
    set_all(&table, SPACE_REPLACE);
    set_all(&table, SPACE_UNMAP);
    CHECK_EQ(used_count, 1);
    CHECK(page_table_release(&table));
    CHECK_EQ(used_count, 0);
}

static void check_refused(const struct page_table *table, struct space_entry entry, enum status status)
{
    CHECK_EQ(page_table_check(table, &entry), status);
}

static void test_bad_input(void)
{
    struct page_table table;

    CASE("malformed entries are refused");
    REQUIRE(page_table_init(&table, &page_table_host, &frames, NULL));
    check_refused(&table, (struct space_entry){.pages = 1, .operation = 5}, ERR_INVALID);
    check_refused(&table, (struct space_entry){.pages = 1, .flags = 0x200}, ERR_INVALID);
    check_refused(&table, (struct space_entry){.pages = 1, .flags = SPACE_UNCACHED | SPACE_WRITE_COMBINING},
                  ERR_INVALID);
    check_refused(&table, (struct space_entry){.pages = 1, .virtual = 0x800}, ERR_INVALID);
    check_refused(&table, (struct space_entry){.pages = 1, .physical = 0x800}, ERR_INVALID);
    check_refused(&table, (struct space_entry){.pages = 1, .physical = 0x1000, .flags = SPACE_LARGE},
                  ERR_INVALID);
    check_refused(&table, (struct space_entry){.pages = 1, .operation = SPACE_UNMAP, .flags = SPACE_LARGE},
                  ERR_INVALID);
    check_refused(&table, (struct space_entry){.pages = 1, .virtual = USER_ADDRESS_END}, ERR_RANGE);
    check_refused(&table, (struct space_entry){.pages = 2, .virtual = USER_ADDRESS_END - 0x1000}, ERR_RANGE);
    check_refused(&table, (struct space_entry){.pages = 1, .virtual = 0xfffffffffffff000}, ERR_RANGE);
    check_refused(&table, (struct space_entry){.pages = ~0u, .virtual = 0x7fffffff0000}, ERR_RANGE);
    check_refused(&table, (struct space_entry){.pages = 1, .physical = 1ull << 52}, ERR_RANGE);
    check_refused(&table, (struct space_entry){.pages = 2, .physical = (1ull << 52) - 0x1000}, ERR_RANGE);
    check_refused(&table, (struct space_entry){.pages = 1, .virtual = USER_ADDRESS_END - 0x1000}, OK);
    CHECK(page_table_release(&table));
}

int main(void)
{
    host_memory = memory;
    test_random();
    test_release();
    test_release_in_part();
    test_bad_input();
    return check_finish();
}
