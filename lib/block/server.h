/* SPDX-License-Identifier: MIT */
/*
 * The BLOCK service as a server uses it: one device, many sessions.
 *
 * The server supplies a table of functions (struct block_device_ops) and calls block_job_done(). Everything that is the
 * same for a driver, a cache and a RAM disk is here: sessions and their views, queues, checks of all that clients send,
 * tags, fairness (deficit round robin by bytes, each session has a reserved place), overlapping requests, barriers,
 * flushes, cancelling.
 *
 * What a device may rely on:
 *   D1  a job's range lies in the device, its length is a multiple of the block size and within the limits; its segments lie
 *       in regions that stay mapped until the job is done
 *   D2  of two jobs in the device whose ranges overlap, neither is a WRITE, DISCARD or WRITE_ZEROES
 *   D3  no more than `depth` jobs are in the device at a time
 *   D4  flags of a job: BLOCK_FUA only if limits.flags has BLOCK_HAS_FUA; never BLOCK_BARRIER
 *   D5  at most one FLUSH is in the device; it is submitted after every job completed that it must make durable. With
 *       limits.exclusive, it and other non-queued operations are alone in the device
 *   D6  DISCARD and WRITE_ZEROES only if limits.flags has them (else the library does nothing, or writes zeroes)
 *   D7  submit() is never called from inside submit() or block_job_done()
 *
 * When `limits` change, tell it by block_server_changed(): parts of them are kept ready for use.
 *
 * One entry point serves all of it; none of these functions blocks or takes a lock, and nothing is allocated between a
 * request and its completion.
 */
#ifndef LIB_BLOCK_SERVER_H
#define LIB_BLOCK_SERVER_H

#include "contract/block/wire.h"
#include "lib/base/entrypoint.h"
#include "lib/base/service.h"
#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_device;

/* A registered region of a client, as the device sees it. */
struct block_region {
    void *address_opt; /* in this component's address space, unless the device's region_map left it out */
    uint64_t size;     /* bytes */
    void *mapping_opt; /* the device's own, e.g. its addresses on the bus; set by region_map */
    bool write;        /* the device may write there */
    bool gone;         /* its memory has been freed: see block_server_check_memory() */
};

/* A piece of a job's data. */
struct block_piece {
    struct block_region *region;
    uint64_t offset; /* bytes in the region */
    uint32_t length; /* bytes */
};

/* A request on its way through the device. The device owns it from submit() to block_job_done(). */
struct block_job {
    enum block_operation operation; /* READ, WRITE, FLUSH, DISCARD, WRITE_ZEROES */
    unsigned flags;                 /* BLOCK_FUA or 0 */
    uint64_t offset, length;        /* bytes of the device */
    struct block_piece *pieces;
    unsigned piece_count;
    uint64_t device_private[4]; /* the device's own use */
};

struct block_limits {
    uint64_t size; /* bytes */
    uint32_t block_size, physical_block_size;
    uint32_t depth;        /* jobs in the device at a time, at least 2 */
    uint32_t transfer_max; /* bytes */
    uint32_t pieces_max;
    uint32_t alignment, boundary;
    uint64_t discard_max, discard_granularity, write_zeroes_max;
    unsigned flags; /* enum block_info_flag: READ_ONLY, HAS_FUA, HAS_DISCARD, HAS_WRITE_ZEROES */
    bool exclusive; /* FLUSH, DISCARD and WRITE_ZEROES cannot be mixed with READ and WRITE in the device */
};

struct block_device_ops {
    /* Takes the job; it may be done at once (block_job_done inside) or later. ERR_AGAIN: no room now, the library tries again
       after the next block_job_done(), or at block_server_settle(). Any other error is the job's. */
    enum status (*submit)(struct block_device *device, struct block_job *job);
    /* Optional: a series of submit() is over; ring the doorbell. */
    void (*kick)(struct block_device *device);
    /* Optional: a client registers memory. `dataspace` is lent. NULL: the library attaches it at region->address_opt. */
    enum status (*region_map)(struct block_device *device, uint32_t dataspace, uint64_t offset,
                              struct block_region *region);
    void (*region_unmap)(struct block_device *device, struct block_region *region);
    /* Optional: what was mapped is there no more. */
    bool (*region_gone)(struct block_device *device, const struct block_region *region);
};

struct block_device {
    const struct block_device_ops *ops;
    struct block_limits limits;
    uint64_t
        verifier; /* chosen by the server: another one after a restart that may have lost completed writes */
    bool
        flush_drops; /* a FLUSH that fails may have dropped what it should have written, so that the next one would succeed
                         without it: the library changes the verifier before that one is answered (G7) */

    /* private to the library */
    struct block_server *server;
};

/* Announces BLOCK for `device`, whose fields above the private ones are filled in. `policy` may refuse or narrow: it gets the
   label and the arguments' wishes and may change them; NULL: everything the arguments ask for. */
struct block_view {
    uint64_t offset, size; /* bytes of the device; UINT64_MAX: up to its end, also when that moves */
    bool write;
    bool shared; /* may overlap other views that are shared and may write */
};
[[nodiscard]] enum status block_server_start(struct block_device *device, struct entrypoint *entrypoint,
                                             enum status (*policy_opt)(struct block_device *device,
                                                                       const char *label,
                                                                       struct block_view *view));

/* The device is done with a job. `done`: bytes, see struct block_completion. The completion is told to the client at the end of
   the present work (block_server_settle), so a series of completions costs one notification. */
void block_job_done(struct block_job *job, enum status status, uint64_t done);

/* After completions outside of submit(), e.g. at the end of an interrupt handler: completes, admits what waits, kicks, notifies. */
void block_server_settle(struct block_device *device);

/* The limits, the size or the verifier have changed: clients are notified and see it by INFO. */
void block_server_changed(struct block_device *device);

/*
 * Without an IOMMU, core stops a device when memory that it may reach is freed. Before the device gets anything after a reset, and
 * when it may reach memory again: whoever freed registered memory loses its queue for good, and regions are marked. Jobs that the
 * device was given before and that are in such a region (block_job_gone) must not be given to it again.
 */
void block_server_check_memory(struct block_device *device);

static inline bool block_job_gone(const struct block_job *job)
{
    for (unsigned i = 0; i < job->piece_count; i++)
        if (job->pieces[i].region->gone)
            return true;
    return false;
}

#endif
