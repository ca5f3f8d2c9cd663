/* SPDX-License-Identifier: MIT */
/*
 * ROM: a named piece of data that only its server changes: a boot module, a configuration.
 *
 * The session's label ends in the module's name. DATASPACE hands out the present
 * content and stays valid until the next DATASPACE call. If content changes, the server signals the notification and
 * the client fetches again; several changes may come as one. There may be no content at present.
 *
 * A server whose content changes makes a copy for each session, paid by it: ROM_READER_RAM + size in pages. So nobody
 * sees a text that is being written, and no reader can change another's.
 */
#ifndef CONTRACT_ROM_WIRE_H
#define CONTRACT_ROM_WIRE_H

#include <stdint.h>

#define ROM_SERVICE     "ROM"
#define ROM_READER_RAM  4096u
#define ROM_READER_CAPS 4u

enum rom_opcode {
    ROM_DATASPACE = 1,        /* - -> struct rom_dataspace, capability 0: dataspace, to be read
                                 ERR_AGAIN: no content at present; ERR_NO_RAM: too little was lent for it */
    ROM_SET_NOTIFICATION = 2, /* capability 0: notification (SIGNAL) -> - */
    ROM_OPCODE_COUNT = 3,
};

struct rom_dataspace {
    uint64_t size;       /* bytes of content; the dataspace is this rounded up to pages */
    uint64_t generation; /* changes with the content */
};

_Static_assert(sizeof(struct rom_dataspace) == 16, "wire");

#endif
