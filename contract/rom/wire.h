/* SPDX-License-Identifier: MIT */
/*
 * ROM: a named piece of data that only its server changes: a boot module, a configuration.
 *
 * The session's label ends in the module's name, unless the arguments say name="...". DATASPACE hands out the present
 * content and stays valid until the next DATASPACE call. If content changes, the server signals the notification and
 * the client fetches again.
 */
#ifndef CONTRACT_ROM_WIRE_H
#define CONTRACT_ROM_WIRE_H

#include <stdint.h>

#define ROM_SERVICE "ROM"

enum rom_opcode {
    ROM_DATASPACE = 1,        /* - -> struct rom_dataspace, capability 0: dataspace (read-only) */
    ROM_SET_NOTIFICATION = 2, /* capability 0: notification (SIGNAL) -> - */
    ROM_OPCODE_COUNT = 3,
};

struct rom_dataspace {
    uint64_t size;       /* bytes of content; the dataspace is this rounded up to pages */
    uint64_t generation; /* changes with the content */
};

_Static_assert(sizeof(struct rom_dataspace) == 16, "wire");

#endif
