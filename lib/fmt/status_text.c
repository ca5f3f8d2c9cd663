/* SPDX-License-Identifier: MIT */
/*
 * The table of texts. A status may come from a peer, so any value is looked up safely.
 */
#include "lib/fmt/status_text.h"

static const char *const texts[] = {
    [OK] = "success",
    [ERR_INVALID] = "invalid argument",
    [ERR_RANGE] = "out of range",
    [ERR_CAP] = "no such capability",
    [ERR_DENIED] = "permission denied",
    [ERR_NO_RAM] = "RAM quota used up",
    [ERR_NO_CAPS] = "capability quota used up",
    [ERR_NO_KMEM] = "kernel-memory account is empty",
    [ERR_EXISTS] = "exists already",
    [ERR_NOT_FOUND] = "not found",
    [ERR_BUSY] = "in use",
    [ERR_AGAIN] = "unfinished, call again",
    [ERR_TIMEOUT] = "timed out",
    [ERR_ABORTED] = "call aborted",
    [ERR_PEER_GONE] = "the other side is gone",
    [ERR_DEADLOCK] = "would wait for itself",
    [ERR_UNSUPPORTED] = "not supported here",
    [ERR_OVERFLOW] = "does not fit",
    [ERR_IO] = "input/output error",
    [ERR_LOST] = "unflushed data may be lost",
};

_Static_assert(sizeof texts / sizeof texts[0] == STATUS_COUNT, "every status code needs its text");

const char *status_text(enum status status)
{
    unsigned index = (unsigned)status;

    return index < STATUS_COUNT ? texts[index] : "unknown status code";
}
