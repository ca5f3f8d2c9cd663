/* SPDX-License-Identifier: MIT */
/*
 * REPORT: a component tells its state, as a text that replaces the one before. Who may read it is not its business: a
 * server (report_rom) makes ROMs of reports by policy.
 *
 * The session's label ends in the report's name. The client writes the text into memory of its own, sent once by
 * CONNECT, and SUBMITs its length; the server copies it before it replies, so the client may write on, and a reader
 * never sees half of it. The server's copy is paid from what the client has lent: REPORT_SESSION_RAM + size.
 */
#ifndef CONTRACT_REPORT_WIRE_H
#define CONTRACT_REPORT_WIRE_H

#include <stdint.h>

#define REPORT_SERVICE      "REPORT"
#define REPORT_SIZE_MAX     (1u << 20)
#define REPORT_SESSION_RAM  (24u << 10) /* besides the report's size in pages */
#define REPORT_SESSION_CAPS 6u

enum report_opcode {
    REPORT_CONNECT =
        1, /* struct report_connect, capability 0: dataspace -> -. Once in a session; ERR_EXISTS then
                           ERR_NO_RAM: too little was lent. ERR_RANGE: the dataspace is smaller */
    REPORT_SUBMIT = 2, /* struct report_submit -> -. ERR_RANGE: longer than the size connected */
    REPORT_OPCODE_COUNT = 3,
};

struct report_connect {
    uint64_t size; /* bytes, 1 .. REPORT_SIZE_MAX: the longest report */
};

struct report_submit {
    uint64_t length; /* bytes, from the dataspace's beginning; 0 is an empty report */
};

_Static_assert(sizeof(struct report_connect) == 8, "wire");
_Static_assert(sizeof(struct report_submit) == 8, "wire");

#endif
