/* SPDX-License-Identifier: MIT */
/* The table of ranges being worked on; see overlap.h. */
#include "lib/block/overlap.h"

static struct list_link *bucket_of(struct overlap_table *table, uint64_t chunk)
{
    return &table->buckets[chunk % OVERLAP_BUCKETS];
}

void overlap_init(struct overlap_table *table)
{
    for (unsigned i = 0; i < OVERLAP_BUCKETS; i++)
        list_init(&table->buckets[i]);
    list_init(&table->wide);
    table->writers = 0;
}

static inline bool list_conflicts(const struct list_link *head, uint64_t offset, uint64_t length, bool writes)
{
    for (const struct list_link *link = head->next; link != head; link = link->next) {
        const struct overlap_entry *entry = ((const struct overlap_node *)link)->entry;

        if ((writes || entry->writes) && ranges_overlap(entry->offset, entry->length, offset, length))
            return true;
    }
    return false;
}

_Static_assert(offsetof(struct overlap_node, link) == 0, "a link is its node");

bool overlap_conflicts(const struct overlap_table *table, const struct overlap_entry *entry, bool writes)
{
    if (!writes && table->writers == 0)
        return false;

    uint64_t offset = entry->offset, length = entry->length;
    uint64_t first = offset >> OVERLAP_CHUNK_SHIFT, last = (offset + length - 1) >> OVERLAP_CHUNK_SHIFT;

    if (list_conflicts(&table->wide, offset, length, writes))
        return true;
    if (last - first >= OVERLAP_BUCKETS)
        last = first + OVERLAP_BUCKETS - 1; /* once around is all */
    for (uint64_t chunk = first; chunk <= last; chunk++)
        if (list_conflicts(&table->buckets[chunk % OVERLAP_BUCKETS], offset, length, writes))
            return true;
    return false;
}

/* In `first` and `last`, or among the wide ones. */
static inline void insert(struct overlap_table *table, struct overlap_entry *entry, bool writes,
                          uint64_t first, uint64_t last)
{
    entry->writes = writes;
    table->writers += writes;
    entry->nodes[0].entry = entry;
    entry->node_count = 1;
    if (last - first > 1) {
        list_append(&table->wide, &entry->nodes[0].link);
        return;
    }
    list_append(bucket_of(table, first), &entry->nodes[0].link);
    if (last == first)
        return;
    entry->nodes[1].entry = entry;
    entry->node_count = 2;
    list_append(bucket_of(table, last), &entry->nodes[1].link);
}

void overlap_insert(struct overlap_table *table, struct overlap_entry *entry, bool writes)
{
    insert(table, entry, writes, entry->offset >> OVERLAP_CHUNK_SHIFT,
           (entry->offset + entry->length - 1) >> OVERLAP_CHUNK_SHIFT);
}

bool overlap_claim(struct overlap_table *table, struct overlap_entry *entry, bool writes)
{
    uint64_t offset = entry->offset, length = entry->length;
    uint64_t first = offset >> OVERLAP_CHUNK_SHIFT, last = (offset + length - 1) >> OVERLAP_CHUNK_SHIFT;

    if (first != last) {
        if (overlap_conflicts(table, entry, writes))
            return false;
    } else if (list_conflicts(bucket_of(table, first), offset, length, writes) ||
               list_conflicts(&table->wide, offset, length, writes)) {
        return false;
    }
    insert(table, entry, writes, first, last);
    return true;
}
