/* SPDX-License-Identifier: MIT */
/*
 * IO_PORT: a range of x86 I/O ports, chosen by the session's arguments (port=0x3f8, size=8). After ENABLE the threads of
 * the domain use IN and OUT themselves (lib/base/port_io.h), until the session is closed.
 */
#ifndef CONTRACT_IO_PORT_WIRE_H
#define CONTRACT_IO_PORT_WIRE_H

#include <stdint.h>

#define IO_PORT_SERVICE "IO_PORT"

enum io_port_opcode {
    IO_PORT_ENABLE = 1, /* capability 0: PD session of the domain -> struct io_port_range */
    IO_PORT_OPCODE_COUNT = 2,
};

struct io_port_range {
    uint32_t first;
    uint32_t number;
};

_Static_assert(sizeof(struct io_port_range) == 8, "wire");

#endif
