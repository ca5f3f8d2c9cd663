/* SPDX-License-Identifier: MIT */
/*
 * Who gets which part of the disk: the configuration's <policy> nodes, hardware-free.
 *
 *     <policy label_prefix="vm" number="1" writeable="yes"/>
 *     <policy label="backup -> disk" whole="yes"/>
 *
 * The first node that fits a session's label counts. It names a partition by `number`, by `name` or `uuid` (GPT), or asks for the
 * whole disk; one of these, and nothing by default.
 */
#ifndef SERVER_BLOCK_PART_POLICY_H
#define SERVER_BLOCK_PART_POLICY_H

#include "lib/xml/xml.h"
#include "server/block_part/table.h"

/* What a session may have. */
struct grant {
    uint64_t offset, size; /* bytes of the disk */
    bool write, shared;
};

struct policy_error {
    struct xml_node node;
    const char *attribute;
    const char *reason;
    char unknown[32]; /* where `attribute` stands if it is none of ours */
};

/* ERR_INVALID: *error says what is wrong. */
[[nodiscard]] enum status policy_check(struct xml_node config, struct policy_error *error);

/* For a session with this label. ERR_DENIED: no node fits, or the partition has a problem; ERR_NOT_FOUND: there is no such partition.
   *reason says it in words. `config` has passed policy_check(). */
[[nodiscard]] enum status policy_find(struct xml_node config, const char *label, const struct table *table,
                                      uint64_t disk_size, struct grant *out, const char **reason);

#endif
