/* SPDX-License-Identifier: MIT */
/*
 * Page tables of three or four levels with 4 KiB and 2 MiB pages. Hardware-free: a format says how entries look (host, AMD
 * nested, VT-d second-level; EPT is another one), callbacks give and take table frames, and every change reports which translations a
 * processor may still hold and must drop.
 *
 * Invariants:
 *   P1  an entry is 0, or maps a page, or points to a table with at least one entry that is not 0
 *   P2  an entry that points to a table counts that table's used entries in its bits 52-61
 * So unmapping frees tables without searching, and frames_used of the account is exact.
 */
#ifndef KERNEL_MEM_PAGE_TABLE_H
#define KERNEL_MEM_PAGE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/hypercall.h"
#include "abi/status.h"

struct page_table;

/* How entries look. Bits that say `no` are set when a right is absent. */
struct page_table_format {
    unsigned levels;      /* 3 or 4 */
    uint64_t address_end; /* of virtual (guest-physical) addresses */
    uint64_t table;       /* bits of an entry that points to a table */
    uint64_t page;        /* bits of every entry that maps a page */
    uint64_t large;       /* bit that makes it a 2 MiB page; 0: there are none */
    uint64_t write;
    uint64_t execute;
    uint64_t no_execute;
    uint64_t uncached;
    uint64_t write_combining;
    uint64_t cached;
    /* Who walks the tables does not see the processor's caches: what was written must go to memory. */
    void (*write_back_opt)(const void *start, uint64_t size);
};

extern const struct page_table_format page_table_host, page_table_nested;

/* Zeroed frames; alloc returns NULL when the account is empty. */
struct page_table_frames {
    void *(*alloc)(struct page_table *table);
    void (*free)(struct page_table *table, void *frame);
};

struct page_table {
    uint64_t root; /* physical */
    const struct page_table_format *format;
    const struct page_table_frames *frames;
    struct pd *owner; /* who pays for the tables; for the callbacks */
};

/* Virtual addresses [start, end) whose old translations must not be used any more; none if start >= end. */
struct page_table_flush {
    uint64_t start, end;
};

#define PAGE_SIZE_SMALL 0x1000ull
#define PAGE_SIZE_LARGE 0x200000ull

/* Steps (pages changed, holes skipped) after which an update stops with ERR_AGAIN: bounds the time with interrupts off. */
#define PAGE_TABLE_STEPS 1024u

/* False: no frame for the root. */
bool page_table_init(struct page_table *table, const struct page_table_format *format,
                     const struct page_table_frames *frames, struct pd *owner);

/* Checks an entry's form, without looking at the table: ERR_INVALID, ERR_RANGE. */
[[nodiscard]] enum status page_table_check(const struct page_table *table, const struct space_entry *entry);

/*
 * Applies an entry that page_table_check() accepted. *done = pages of the entry's size that were done, also on an error;
 * the caller goes on behind them. ERR_EXISTS (MAP), ERR_NO_KMEM, ERR_AGAIN. `flush` is widened, never narrowed.
 */
[[nodiscard]] enum status page_table_update(struct page_table *table, const struct space_entry *entry,
                                            uint32_t *done, struct page_table_flush *flush);

/* Frees a bounded number of tables; true when all of them, the root too, are free. Nothing may use the table any more. */
bool page_table_release(struct page_table *table);

#endif
