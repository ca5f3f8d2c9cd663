/* SPDX-License-Identifier: MIT */
/*
 * What a client lends for a BLOCK session: the server's objects for it, a job for each tag, a piece for each place of the
 * segment table, and the tables with which the server (and its device) reaches the client's memory. A server that was lent less
 * answers ERR_NO_RAM, and changes nothing; the client may upgrade the session and repeat. REGION_REMOVE and the next CONNECT
 * give back what was charged.
 */
#ifndef LIB_BLOCK_QUOTA_H
#define LIB_BLOCK_QUOTA_H

#include <stdint.h>

#define BLOCK_SESSION_RAM  (24u << 10) /* without queue and regions */
#define BLOCK_SESSION_CAPS 8u
/* What one that only hands the session on (server/block_part) keeps of it for itself; clients lend this for two of them. */
#define BLOCK_MEDIATOR_RAM  4096u
#define BLOCK_MEDIATOR_CAPS 2u
#define BLOCK_JOB_RAM       256u /* a tag */
#define BLOCK_PIECE_RAM     24u  /* a place in the segment table */

/* Memory of `size` bytes, attached: two levels of page tables for the server, and the same for its device. */
static inline uint64_t block_attach_ram(uint64_t size)
{
    uint64_t tables = (size >> 21) + (size >> 30) + 3;

    return tables * 2 * 4096;
}

static inline uint64_t block_queue_ram(uint32_t depth, uint32_t segments, uint64_t size)
{
    return (uint64_t)depth * BLOCK_JOB_RAM + (uint64_t)segments * BLOCK_PIECE_RAM + block_attach_ram(size) +
           8192;
}

#endif
