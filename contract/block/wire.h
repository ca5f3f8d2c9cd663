/* SPDX-License-Identifier: MIT */
/*
 * BLOCK: a disk, or a part of one, that works asynchronously.
 *
 * A session is a *view*: a range of bytes of a device, with rights. Its arguments choose it where policy lets the client
 * choose: offset=, size= (bytes; up to the device's end by default), write=yes|no (yes where the device can), shared=yes|no
 * (no). A view that may write is refused with ERR_BUSY while it overlaps another one that may, unless both are shared.
 *
 * Control is calls: INFO, CONNECT, REGION_ADD, REGION_REMOVE, ACKNOWLEDGE. Data is a queue: two rings of lib/ring in one
 * dataspace that the client owns, zeroed and fresh for each CONNECT, behind a line that the server writes, and with a table
 * of segments:
 *
 *     block_state | submission ring of block_element | completion ring of block_completion | block_segment[]
 *
 * A tag is a number below the queue's depth and in use from the element's submission until its completion has been taken
 * from the ring; both rings have `depth` elements, so a completion always finds room. The segments of an element are at
 * [segment, segment + segments) of the table, and in use as long as the tag; the server copies each once. Where INFO says a
 * `boundary`, each but the first begins at a multiple of it in its region, and each but the last ends at one. Data lie in
 * *regions*: dataspaces of the client's that it has registered; they stay the client's cost, and the server (and its device)
 * can reach all of the registered part until REGION_REMOVE.
 *
 * What is wrong with a single request (beyond the end, no right, too long, a device's error) is that request's completion
 * status. What only a broken client does (a tag in use, an impossible index, an unknown operation, a segment outside table or
 * region, lengths that do not add up, a READ into a region without `write`, reserved bits) ends the queue: the server takes no
 * more of it and completes no more, and INFO says why.
 *
 * Durability, order, death: doc/storage-guarantees.md.
 */
#ifndef CONTRACT_BLOCK_WIRE_H
#define CONTRACT_BLOCK_WIRE_H

#include <stdint.h>

#define BLOCK_SERVICE "BLOCK"

#define BLOCK_DEPTH_MAX    1024u  /* tags of a queue */
#define BLOCK_SEGMENTS_MAX 65536u /* places in the table of a queue */
#define BLOCK_REGIONS_MAX  16u    /* of a session */
#define BLOCK_REASON_MAX   48u

enum block_opcode {
    BLOCK_INFO = 1, /* - -> struct block_info */
    BLOCK_CONNECT =
        2, /* struct block_connect, capability 0: dataspace of the queue, 1: client's notification (SIGNAL)
                                -> capability 0: server's notification (SIGNAL). Replaces the queue, after its requests
                                in flight have ended. ERR_AGAIN: not yet, repeat */
    BLOCK_REGION_ADD = 3,    /* struct block_region_add, capability 0: dataspace -> struct block_region_id */
    BLOCK_REGION_REMOVE = 4, /* struct block_region_id -> -. ERR_BUSY: requests in flight use it */
    BLOCK_ACKNOWLEDGE =
        5, /* struct block_verifier -> -. The client knows of this loss: its FLUSHes may succeed again */
    BLOCK_OPCODE_COUNT = 6,
};

enum block_info_flag {
    BLOCK_READ_ONLY = 1u << 0,
    BLOCK_HAS_FUA = 1u << 1, /* the device has it; it works in any case */
    BLOCK_HAS_DISCARD = 1u << 2,
    BLOCK_HAS_WRITE_ZEROES = 1u << 3, /* the device has it; it works in any case */
    BLOCK_GONE = 1u << 4,        /* the device has been taken away: every request fails with ERR_PEER_GONE */
    BLOCK_QUEUE_ENDED = 1u << 5, /* by `reason` */
    BLOCK_INFO_FLAGS = (1u << 6) - 1,
};

struct block_info {
    uint64_t size;                 /* bytes of the view */
    uint32_t block_size;           /* logical: offsets and lengths are multiples of it. 512 or 4096 */
    uint32_t physical_block_size;  /* a power of two: what is written whole is not read before */
    uint32_t flags;                /* enum block_info_flag */
    uint32_t queue_depth;          /* the most that is useful */
    uint32_t transfer_max;         /* bytes of a READ or WRITE */
    uint32_t segments_max;         /* of an element */
    uint32_t alignment;            /* a power of two: of each segment's offset in its region, and length */
    uint32_t boundary;             /* where segments of an element meet: a power of two, or 0: anywhere */
    uint64_t discard_max;          /* bytes of a DISCARD; 0: DISCARD does nothing */
    uint64_t discard_granularity;  /* bytes; edges of less are ignored */
    uint64_t write_zeroes_max;     /* bytes of a WRITE_ZEROES */
    uint64_t verifier;             /* another one: completed writes that were not flushed may be lost */
    uint64_t generation;           /* raised when anything of the others changes */
    char reason[BLOCK_REASON_MAX]; /* why the queue ended; empty: it did not */
};

struct block_connect {
    uint32_t depth;    /* a power of two, at most BLOCK_DEPTH_MAX */
    uint32_t segments; /* places in the table, 1 to BLOCK_SEGMENTS_MAX */
    uint32_t submission_offset, completion_offset,
        segment_offset; /* bytes in the dataspace, multiples of 64, behind struct block_state */
    uint32_t size;      /* bytes of the dataspace that are used */
};

/* At the beginning of the queue's dataspace. Written by the server, at CONNECT and whenever it changes; then it signals. */
struct block_state {
    uint64_t generation; /* that of INFO; another one than the client knows: look there again */
    uint64_t reserved[7];
};

struct block_region_add {
    uint64_t offset, size; /* bytes in the dataspace, whole pages */
    uint32_t write;        /* 1: READs may go there. 0: only WRITEs come from there */
    uint32_t reserved;     /* 0 */
};

struct block_region_id {
    uint32_t region; /* below BLOCK_REGIONS_MAX */
    uint32_t reserved;
};

struct block_verifier {
    uint64_t verifier;
};

enum block_operation {
    BLOCK_READ = 1,
    BLOCK_WRITE = 2,
    BLOCK_FLUSH = 3,        /* no range: offset, length and segments are 0 */
    BLOCK_DISCARD = 4,      /* contents become undefined; no segments */
    BLOCK_WRITE_ZEROES = 5, /* no segments */
    BLOCK_CANCEL =
        6, /* `offset` is the tag to cancel. Done: ERR_ABORTED completes that one, if it was not issued yet.
                               Completes itself with OK (cancelled), or ERR_NOT_FOUND (issued or unknown) */
    BLOCK_OPERATION_COUNT = 7,
};

enum block_element_flag {
    BLOCK_FUA = 1u << 0, /* WRITE, WRITE_ZEROES: durable when completed */
    BLOCK_BARRIER =
        1u << 1, /* WRITE, WRITE_ZEROES: first make durable what was completed before this was submitted */
    BLOCK_ELEMENT_FLAGS = (1u << 2) - 1,
};

struct block_element {
    uint64_t offset; /* bytes in the view */
    uint64_t length; /* bytes */
    uint32_t tag;
    uint16_t operation;   /* enum block_operation */
    uint16_t flags;       /* enum block_element_flag */
    uint32_t segment;     /* first one in the table */
    uint32_t segments;    /* their lengths add up to `length` */
    uint64_t reserved[4]; /* 0 */
};

struct block_segment {
    uint64_t offset; /* bytes in the region */
    uint32_t length; /* bytes, not 0 */
    uint32_t region;
};

struct block_completion {
    uint64_t
        done; /* bytes: all of `length` if OK; of a READ or WRITE that failed, those before the first bad one, if known */
    uint32_t tag;
    uint32_t
        status; /* enum status: OK, ERR_RANGE, ERR_DENIED, ERR_INVALID, ERR_IO, ERR_LOST, ERR_ABORTED, ERR_PEER_GONE, ERR_UNSUPPORTED */
    uint64_t verifier; /* of the server when it completed */
    uint64_t reserved; /* 0 */
};

_Static_assert(sizeof(struct block_info) == 128, "wire");
_Static_assert(sizeof(struct block_connect) == 24, "wire");
_Static_assert(sizeof(struct block_state) == 64, "wire");
_Static_assert(sizeof(struct block_region_add) == 24, "wire");
_Static_assert(sizeof(struct block_region_id) == 8, "wire");
_Static_assert(sizeof(struct block_verifier) == 8, "wire");
_Static_assert(sizeof(struct block_element) == 64, "wire");
_Static_assert(sizeof(struct block_segment) == 16, "wire");
_Static_assert(sizeof(struct block_completion) == 32, "wire");

#endif
