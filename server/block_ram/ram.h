/* SPDX-License-Identifier: MIT */
/*
 * A disk in memory: jobs of lib/block carried out by copying, at once. Or nothing at all: the null disk, for measuring what is around it.
 *
 * Copying takes time in which nobody else is served, so after RAM_BURST bytes the disk takes no more until
 * ram_rested(). Hardware-free.
 */
#ifndef SERVER_BLOCK_RAM_RAM_H
#define SERVER_BLOCK_RAM_RAM_H

#include "lib/block/server.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    RAM_BURST = 4 << 20,
    RAM_TRANSFER_MAX = 1 << 20,
    RAM_PIECES_MAX = 128,
    RAM_DEPTH = 64,
};

struct ram_disk {
    struct block_device device; /* first */
    uint8_t *content_opt;       /* limits.size bytes; NULL: the null disk */
    void (*tired)(
        struct ram_disk *disk); /* it has refused a job: call ram_rested() soon, but not from here */
    uint64_t burst;             /* bytes copied since it rested */
    bool refused;
};

/* Fills in the device. `content_opt` is *lent*. */
void ram_init(struct ram_disk *disk, uint8_t *content_opt, uint64_t size, uint32_t block_size, bool read_only,
              void (*tired)(struct ram_disk *disk));

/* It can go on; block_server_settle() makes it. */
void ram_rested(struct ram_disk *disk);

#endif
