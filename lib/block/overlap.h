/* SPDX-License-Identifier: MIT */
/*
 * Which ranges of the device are being worked on, so that of two that overlap, one of them a write, the later one waits.
 *
 * The device is seen as chunks of OVERLAP_CHUNK bytes, which hash to buckets. A range within two neighbouring chunks is in
 * the buckets of both (once, if it is the same); a longer one is in the list `wide`. So a small range is compared
 * with the few that are near it and with the wide ones, and only a wide one with all. Reads are compared with nothing while
 * there is no write. Nothing is allocated: the nodes lie in the entry.
 *
 * Hardware-free.
 */
#ifndef LIB_BLOCK_OVERLAP_H
#define LIB_BLOCK_OVERLAP_H

#include "lib/block/list.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    OVERLAP_BUCKETS = 64,
    OVERLAP_CHUNK_SHIFT = 15,
};

struct overlap_entry;

struct overlap_node {
    struct list_link link; /* first: a link is its node */
    struct overlap_entry *entry;
};

struct overlap_entry {
    uint64_t offset, length; /* not empty when it is in the table */
    struct overlap_node nodes[2];
    unsigned node_count; /* 0: not in the table */
    bool writes;
};

struct overlap_table {
    struct list_link buckets[OVERLAP_BUCKETS];
    struct list_link wide;
    unsigned writers; /* entries that write */
};

void overlap_init(struct overlap_table *table);

/* True if a range would have to wait for one that is in the table. */
bool overlap_conflicts(const struct overlap_table *table, const struct overlap_entry *entry, bool writes);

void overlap_insert(struct overlap_table *table, struct overlap_entry *entry, bool writes);

/* Both in one: false if it is in conflict, and then it is not inserted. */
bool overlap_claim(struct overlap_table *table, struct overlap_entry *entry, bool writes);

/* One that is in the table. */
static inline void overlap_remove(struct overlap_table *table, struct overlap_entry *entry)
{
    list_remove(&entry->nodes[0].link);
    if (entry->node_count == 2)
        list_remove(&entry->nodes[1].link);
    entry->node_count = 0;
    table->writers -= entry->writes;
}

/* Two ranges that do not wrap. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
    return a < b + b_length && b < a + a_length;
}

#endif
