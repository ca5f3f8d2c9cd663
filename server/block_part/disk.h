/* SPDX-License-Identifier: MIT */
/*
 * The disk whose partitions are handed out: a BLOCK session for reading its table. No client's request goes through it.
 */
#ifndef SERVER_BLOCK_PART_DISK_H
#define SERVER_BLOCK_PART_DISK_H

#include "lib/base/entrypoint.h"
#include "server/block_part/table.h"

/* Opens the session, for reading only. When its server dies, this component ends: its clients' sessions were of that server, and by
   this they learn that they must open new ones; init starts it again when the server is there again. */
[[nodiscard]] enum status disk_open(struct entrypoint *entrypoint);

/* Bytes. */
uint64_t disk_size(void);

/* Reads the table, waiting for the disk. */
[[nodiscard]] enum status disk_table(struct table *out);

#endif
