/* SPDX-License-Identifier: MIT */
/*
 * An update walks down once for each table it touches (cursor) and changes neighbouring entries in a row. A large page
 * that is changed in part is split first: the same translations in a new table, so the split needs no flush of its own.
 */
#include "kernel/mem/page_table.h"

#include "kernel/mem/frame.h"

#define ADDRESS_MASK 0x000ffffffffff000ull
#define COUNT_SHIFT  52
#define COUNT_ONE    (1ull << COUNT_SHIFT)
#define COUNT_MASK   (0x3ffull << COUNT_SHIFT)
#define ENTRIES      512u
#define LEVELS_MOST  4u

#define X86_PRESENT 0x1ull
#define X86_WRITE   0x2ull
#define X86_USER    0x4ull
#define X86_PWT     0x8ull /* PAT index 1: write-combining */
#define X86_PCD     0x10ull
#define X86_LARGE   0x80ull
#define X86_NX      (1ull << 63)

const struct page_table_format page_table_host = {
    .levels = 4,
    .address_end = USER_ADDRESS_END,
    .table = X86_PRESENT | X86_WRITE | X86_USER,
    .page = X86_PRESENT | X86_USER,
    .large = X86_LARGE,
    .write = X86_WRITE,
    .no_execute = X86_NX,
    .uncached = X86_PCD | X86_PWT,
    .write_combining = X86_PWT,
};

/* Nested tables look the same; every access counts as a user's (APM vol. 2, 15.25.5). */
const struct page_table_format page_table_nested = {
    .levels = 4,
    .address_end = 1ull << 48,
    .table = X86_PRESENT | X86_WRITE | X86_USER,
    .page = X86_PRESENT | X86_USER,
    .large = X86_LARGE,
    .write = X86_WRITE,
    .no_execute = X86_NX,
    .uncached = X86_PCD | X86_PWT,
    .write_combining = X86_PWT,
};

/* Where an update is: the entries on the way to `address`; those above `level` point to tables. */
struct cursor {
    struct page_table *table;
    struct page_table_flush *flush;
    uint64_t *path[LEVELS_MOST];
    unsigned level, top; /* of the root */
    bool write_back;     /* what was written */
};

static uint64_t size_of(unsigned level)
{
    return PAGE_SIZE_SMALL << 9 * level;
}

static unsigned index_of(uint64_t address, unsigned level)
{
    return address >> (12 + 9 * level) & (ENTRIES - 1);
}

static uint64_t *table_at(uint64_t entry)
{
    return phys_to_virt(entry & ADDRESS_MASK);
}

static unsigned top(const struct page_table *table)
{
    return table->format->levels - 1;
}

static __attribute__((noinline)) void written(const struct page_table *table, const void *start,
                                              uint64_t size)
{
    if (table->format->write_back_opt)
        table->format->write_back_opt(start, size);
}

/* A walk may be going on: it sees the old entry or the new one. */
static inline void store(const struct cursor *c, uint64_t *entry, uint64_t value)
{
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
    if (__builtin_expect(c->write_back, 0))
        written(c->table, entry, sizeof(*entry));
}

/* A zeroed frame that walks see as such. */
static uint64_t *table_alloc(struct page_table *table)
{
    uint64_t *entries = table->frames->alloc(table);

    if (entries)
        written(table, entries, FRAME_SIZE);
    return entries;
}

static bool is_page(const struct page_table *table, uint64_t entry, unsigned level)
{
    return entry && (level == 0 || entry & table->format->large);
}

static uint64_t rights(const struct page_table_format *format, unsigned flags)
{
    uint64_t bits = format->page;

    bits |= flags & SPACE_WRITE ? format->write : 0;
    bits |= flags & SPACE_EXECUTE ? format->execute : format->no_execute;
    if (flags & SPACE_UNCACHED)
        return bits | format->uncached;
    return bits | (flags & SPACE_WRITE_COMBINING ? format->write_combining : format->cached);
}

static void flush_add(struct page_table_flush *flush, uint64_t address, uint64_t size)
{
    if (flush->start >= flush->end) {
        flush->start = address;
        flush->end = address + size;
        return;
    }
    if (address < flush->start)
        flush->start = address;
    if (address + size > flush->end)
        flush->end = address + size;
}

bool page_table_init(struct page_table *table, const struct page_table_format *format,
                     const struct page_table_frames *frames, struct pd *owner)
{
    uint64_t *root;

    *table = (struct page_table){.format = format, .frames = frames, .owner = owner};
    root = table_alloc(table);
    if (root)
        table->root = virt_to_phys(root);
    return root;
}

static inline __attribute__((always_inline)) void walk_from(struct cursor *c, uint64_t address,
                                                            unsigned level, unsigned top_level)
{
    uint64_t *table = phys_to_virt(c->table->root);

    for (unsigned l = top_level;; l--) {
        c->path[l] = &table[index_of(address, l)];
        c->level = l;
        if (l == level || !*c->path[l] || is_page(c->table, *c->path[l], l))
            return;
        table = table_at(*c->path[l]);
    }
}

/* Goes down as far as tables exist, at most to `level`. The usual number of levels is known to the compiler. */
static void cursor_walk(struct cursor *c, uint64_t address, unsigned level)
{
    if (c->top == LEVELS_MOST - 1)
        walk_from(c, address, level, LEVELS_MOST - 1);
    else
        walk_from(c, address, level, c->top);
}

/* Moves to the next entry if it is in the same table. */
static bool cursor_next(struct cursor *c)
{
    if (((uint64_t)(c->path[c->level] + 1) & (FRAME_SIZE - 1)) == 0)
        return false;
    c->path[c->level]++;
    return true;
}

static void entry_count(struct cursor *c, unsigned level, bool more)
{
    if (level < c->top)
        *c->path[level + 1] += more ? COUNT_ONE : -COUNT_ONE;
}

/* Replaces the entry under the cursor. An entry in use must be flushed by the caller. */
static void entry_set(struct cursor *c, uint64_t value)
{
    uint64_t *entry = c->path[c->level];

    if (!*entry)
        entry_count(c, c->level, true);
    store(c, entry, value);
}

/* Empties the entry under the cursor, and frees the tables that become empty by that. */
static void entry_clear(struct cursor *c)
{
    for (unsigned level = c->level;; level++) {
        store(c, c->path[level], 0);
        if (level == c->top)
            return;
        entry_count(c, level, false);
        if (*c->path[level + 1] & COUNT_MASK)
            return;
        c->table->frames->free(c->table, table_at(*c->path[level + 1]));
    }
}

/* Takes back the table that the entry above the cursor points to, if it is a new one that stayed empty. */
static void cursor_undo(struct cursor *c)
{
    unsigned above = c->level + 1;

    if (c->level == c->top || *c->path[above] & COUNT_MASK)
        return;
    c->table->frames->free(c->table, table_at(*c->path[above]));
    c->level = above;
    entry_clear(c);
}

/* Makes the tables down to `level`. The last one is empty, so the caller must fill the entry. False: nothing changed. */
static bool cursor_descend(struct cursor *c, uint64_t address, unsigned level)
{
    while (c->level > level) {
        uint64_t *table = table_alloc(c->table);

        if (!table) {
            cursor_undo(c);
            flush_add(c->flush, address, PAGE_SIZE_SMALL); /* other CPUs may have found the new tables */
            return false;
        }
        entry_set(c, virt_to_phys(table) | c->table->format->table);
        c->level--;
        c->path[c->level] = &table[index_of(address, c->level)];
    }
    return true;
}

/* Puts a table of small pages in place of the large page under the cursor and goes into it. */
static bool cursor_split(struct cursor *c, uint64_t address)
{
    uint64_t large = *c->path[1];
    uint64_t *table = table_alloc(c->table);

    if (!table)
        return false;
    for (unsigned i = 0; i < ENTRIES; i++)
        table[i] = (large & ~c->table->format->large) + i * PAGE_SIZE_SMALL;
    written(c->table, table, FRAME_SIZE);
    store(c, c->path[1], virt_to_phys(table) | c->table->format->table | ENTRIES * COUNT_ONE);
    c->path[0] = &table[index_of(address, 0)];
    c->level = 0;
    return true;
}

/* A large page takes the place of a table of small pages. */
static void table_replace(struct cursor *c, uint64_t address, uint64_t value)
{
    uint64_t old = *c->path[1];

    store(c, c->path[1], value);
    c->table->frames->free(c->table, table_at(old));
    flush_add(c->flush, address, PAGE_SIZE_LARGE);
}

/* MAP and REPLACE one page; the cursor is as far down as tables exist. */
static enum status page_set(struct cursor *c, uint64_t address, unsigned level, uint64_t value, bool replace)
{
    uint64_t old = *c->path[c->level];
    bool mapped = is_page(c->table, old, c->level);

    if (!replace && old)
        return ERR_EXISTS;
    if (mapped && c->level > level && !cursor_split(c, address))
        return ERR_NO_KMEM;
    if (!old && !cursor_descend(c, address, level))
        return ERR_NO_KMEM;
    if (old && !mapped) {
        table_replace(c, address, value);
        return OK;
    }
    entry_set(c, value);
    if (mapped)
        flush_add(c->flush, address, size_of(level));
    return OK;
}

static enum status update_set(struct cursor *c, const struct space_entry *entry, uint32_t *done)
{
    unsigned level = entry->flags & SPACE_LARGE ? 1 : 0;
    uint64_t size = size_of(level), bits = rights(c->table->format, entry->flags);
    bool replace = entry->operation != SPACE_MAP, near = false;

    bits |= level ? c->table->format->large : 0;
    for (*done = 0; *done < entry->pages; ++*done) {
        uint64_t address = entry->virtual + *done * size;
        uint64_t physical = entry->physical + (entry->operation == SPACE_REPLACE_ONE ? 0 : *done * size);
        enum status status;

        if (*done == PAGE_TABLE_STEPS)
            return ERR_AGAIN;
        if (!near)
            cursor_walk(c, address, level);
        status = page_set(c, address, level, physical | bits, replace);
        if (status != OK)
            return status;
        near = cursor_next(c);
    }
    return OK;
}

/* UNMAP and PROTECT what one entry maps. */
static void page_change(struct cursor *c, uint64_t address, const struct space_entry *entry)
{
    uint64_t old = *c->path[c->level];

    flush_add(c->flush, address, size_of(c->level));
    if (entry->operation == SPACE_UNMAP)
        entry_clear(c);
    else
        entry_set(c, (old & (ADDRESS_MASK | (c->level ? c->table->format->large : 0))) |
                         rights(c->table->format, entry->flags));
}

/* The entries' own sizes rule here; *done counts small pages, a hole or large page at a time. */
static enum status update_change(struct cursor *c, const struct space_entry *entry, uint32_t *done)
{
    uint64_t end = entry->virtual + entry->pages * PAGE_SIZE_SMALL, address = entry->virtual, next;

    for (unsigned steps = 0; address < end; address = next, steps++) {
        *done = (uint32_t)((address - entry->virtual) / PAGE_SIZE_SMALL);
        if (steps == PAGE_TABLE_STEPS)
            return ERR_AGAIN;
        cursor_walk(c, address, 0);
        next = (address & -size_of(c->level)) + size_of(c->level);
        if (!*c->path[c->level])
            continue;
        if (c->level && (address & (size_of(c->level) - 1) || next > end)) {
            if (!cursor_split(c, address))
                return ERR_NO_KMEM;
            next = address + PAGE_SIZE_SMALL;
        }
        page_change(c, address, entry);
    }
    *done = entry->pages;
    return OK;
}

enum status page_table_check(const struct page_table *table, const struct space_entry *entry)
{
    bool sets = entry->operation <= SPACE_REPLACE_ONE;
    uint64_t size = entry->flags & SPACE_LARGE ? PAGE_SIZE_LARGE : PAGE_SIZE_SMALL;
    uint64_t bytes = entry->pages * size, end = table->format->address_end;
    unsigned known = SPACE_WRITE | SPACE_EXECUTE | SPACE_UNCACHED | SPACE_WRITE_COMBINING | SPACE_LARGE;

    if (entry->operation > SPACE_UNMAP || entry->flags & ~known)
        return ERR_INVALID;
    if (entry->flags & SPACE_LARGE && (entry->operation > SPACE_REPLACE || !table->format->large))
        return ERR_INVALID;
    if (entry->flags & SPACE_UNCACHED && entry->flags & SPACE_WRITE_COMBINING)
        return ERR_INVALID;
    if (entry->virtual & (size - 1) || (sets && entry->physical & (size - 1)))
        return ERR_INVALID;
    if (bytes > end || entry->virtual > end - bytes)
        return ERR_RANGE;
    if (sets && (entry->physical > ADDRESS_MASK || bytes > ADDRESS_MASK - entry->physical))
        return ERR_RANGE;
    return OK;
}

enum status page_table_update(struct page_table *table, const struct space_entry *entry, uint32_t *done,
                              struct page_table_flush *flush)
{
    struct cursor cursor; /* path and level are the first walk's to set */

    cursor.table = table;
    cursor.flush = flush;
    cursor.top = top(table);
    cursor.write_back = table->format->write_back_opt;
    *done = 0;
    if (entry->operation <= SPACE_REPLACE_ONE)
        return update_set(&cursor, entry, done);
    return update_change(&cursor, entry, done);
}

#define RELEASE_TABLES 16u

/* Frees the tables below one, deepest first; false when `budget` is used up. `above` points to it, if anything does: its
   count stays right (P2), so that updates between two calls do no harm. */
static bool tables_release(struct page_table *table, uint64_t *entries, unsigned level, unsigned count,
                           uint64_t *above, unsigned *budget)
{
    for (unsigned i = 0; i < count; i++) {
        if (!entries[i])
            continue;
        if (!is_page(table, entries[i], level)) {
            if (level > 1 &&
                !tables_release(table, table_at(entries[i]), level - 1, ENTRIES, &entries[i], budget))
                return false;
            if (!*budget)
                return false;
            --*budget;
            table->frames->free(table, table_at(entries[i]));
        }
        entries[i] = 0;
        if (above)
            *above -= COUNT_ONE;
    }
    return true;
}

bool page_table_release(struct page_table *table)
{
    unsigned budget = RELEASE_TABLES;
    uint64_t size = size_of(top(table));
    unsigned count = (unsigned)((table->format->address_end + size - 1) / size);
    uint64_t *root = phys_to_virt(table->root);

    if (!tables_release(table, root, top(table), count, 0, &budget))
        return false;
    table->frames->free(table, root);
    table->root = 0;
    return true;
}
