/* SPDX-License-Identifier: MIT */
/*
 * A disk that dies under its clients, and the platter that survives it.
 *
 * The keeper holds the platter, a dataspace, and never dies. The disk serves BLOCK with a write cache of its own memory in front of
 * it: it lets requests pile up, carries them out in any order, and again and again, with many in flight, it faults. Some of the
 * cache has got to the platter then, and what was in flight is old, new or torn. Its next life comes back with another verifier,
 * or, if the cache is said to be kept, with the same one and everything completed.
 */
#ifndef TEST_BLOCK_DEATH_DEATH_H
#define TEST_BLOCK_DEATH_DEATH_H

#include "lib/base/status.h"
#include "lib/xml/xml.h"

#include <stdint.h>

struct entrypoint;

#define KEEPER_SERVICE "KEEPER"
#define PLATTER_SIZE   (4u << 20)

enum keeper_opcode {
    KEEPER_PLATTER = 1,
    KEEPER_OPCODE_COUNT = 2
}; /* - -> capability 0: dataspace of struct platter */

/* What survives. */
struct platter {
    uint8_t bytes[PLATTER_SIZE];
    uint64_t lives, random, verifier;
};

int keeper_main(struct entrypoint *entrypoint);
int disk_main(struct entrypoint *entrypoint, struct xml_node config);

#endif
