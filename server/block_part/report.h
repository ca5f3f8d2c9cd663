/* SPDX-License-Identifier: MIT */
/*
 * What was found on the disk, for people: lines in the log, and as XML for the REPORT `partitions`.
 *
 *     <partitions scheme="gpt" size="..."><partition number="1" offset="..." size="..." name="..." uuid="..." type="..."/></partitions>
 */
#ifndef SERVER_BLOCK_PART_REPORT_H
#define SERVER_BLOCK_PART_REPORT_H

#include "server/block_part/table.h"

#include <stddef.h>

#define REPORT_TEXT_MAX (96u << 10)

/* Returns the length. Hardware-free; `size` is REPORT_TEXT_MAX or more for the largest table. */
size_t report_text(const struct table *table, uint64_t disk_size, char *text, size_t size);

void report_log(const struct table *table);

#endif
