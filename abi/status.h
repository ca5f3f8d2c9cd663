/* SPDX-License-Identifier: MIT */
/*
 * Status codes, shared by the kernel, every library and every contract.
 *
 * The codes are split by what a caller can do about them, not by where they arise. Values are part of the ABI: they
 * cross the system-call boundary and session wires, so a number once given keeps its meaning.
 */
#ifndef ABI_STATUS_H
#define ABI_STATUS_H

enum status {
    OK = 0,
    ERR_INVALID = 1,      /* an argument is malformed; repair the request */
    ERR_RANGE = 2,        /* an offset, length or index lies outside the object */
    ERR_CAP = 3,          /* the slot is empty, stale, or denotes an object of another type */
    ERR_DENIED = 4,       /* the capability is right but lacks the permission, or policy refuses */
    ERR_NO_RAM = 5,       /* the RAM quota that pays for this is used up */
    ERR_NO_CAPS = 6,      /* the capability quota that pays for this is used up */
    ERR_NO_KMEM = 7,      /* the kernel-memory account is empty; give it frames and repeat */
    ERR_EXISTS = 8,       /* the name, slot or range is already taken */
    ERR_NOT_FOUND = 9,    /* no such name, route, module or mapping */
    ERR_BUSY = 10,        /* the object is in use in a way that excludes this operation */
    ERR_AGAIN = 11,       /* bounded part of the work is done; call again to continue */
    ERR_TIMEOUT = 12,     /* the deadline passed first */
    ERR_ABORTED = 13,     /* the call was aborted by whoever holds the thread's control capability */
    ERR_PEER_GONE = 14,   /* the other side died; reconnect */
    ERR_DEADLOCK = 15,    /* the call would wait for itself */
    ERR_UNSUPPORTED = 16, /* valid, but neither this build nor this machine can do it */
    ERR_OVERFLOW = 17,    /* the answer does not fit the buffer or queue offered */
    ERR_IO = 18,          /* a device failed */
    ERR_LOST = 19,        /* completed but unflushed data may be gone */
    STATUS_COUNT = 20,
};

#endif
