/* SPDX-License-Identifier: MIT */
/*
 * IO_MEM: one range of device memory, chosen by the session's arguments (base=0x..., size=0x...) under the policy of
 * whoever routed the session.
 */
#ifndef CONTRACT_IO_MEM_WIRE_H
#define CONTRACT_IO_MEM_WIRE_H

#include <stdint.h>

#define IO_MEM_SERVICE "IO_MEM"

enum io_mem_opcode {
    IO_MEM_DATASPACE = 1, /* - -> struct io_mem_range, capability 0: dataspace */
    IO_MEM_OPCODE_COUNT = 2,
};

struct io_mem_range {
    uint64_t physical;
    uint64_t size;        /* bytes as asked for; the dataspace covers whole pages */
    uint64_t page_offset; /* of `physical` in the dataspace's first page */
};

_Static_assert(sizeof(struct io_mem_range) == 24, "wire");

#endif
