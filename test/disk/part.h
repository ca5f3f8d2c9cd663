/* SPDX-License-Identifier: MIT */
/* What the client shall do, part by part, as its configuration says; see config.schema. */
#ifndef TEST_DISK_PART_H
#define TEST_DISK_PART_H

#include "contract/block/wire.h"
#include "lib/base/status.h"
#include "lib/xml/xml.h"

#include <stdbool.h>
#include <stdint.h>

#define PART_NAME_MAX 24u
#define PART_BAD_MAX  16u

struct part {
    char name[PART_NAME_MAX];
    enum block_operation operation;
    unsigned flags;             /* BLOCK_FUA, BLOCK_BARRIER */
    uint64_t first, blocks;     /* each once, in an order that jumps about */
    uint64_t requests;          /* or so many of them, again from the beginning */
    uint64_t flush_every;       /* WRITEs; 0: never */
    uint64_t bad[PART_BAD_MAX]; /* these blocks must fail, the others must not */
    unsigned bad_count;
    bool fails, flush_fails; /* each request must fail; each of its FLUSHes */
    bool time;               /* what is read is not looked at, what it costs is told */
};

/* ERR_INVALID: what is wrong is said in the log. */
[[nodiscard]] enum status part_read(struct xml_node node, struct part *out);

/* What it is without a configuration. */
void part_default(const char *operation, struct part *out);

bool part_is_bad(const struct part *part, uint64_t block);

#endif
