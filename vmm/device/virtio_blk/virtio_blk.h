/* SPDX-License-Identifier: MIT */
/*
 * A virtual disk: virtio-blk on PCI.
 *
 * Source: VIRTIO 1.2, section 5.2. The model takes requests off the virtqueues, checks them, and gives them to a backend,
 * which knows what a disk is; they come back in any order.
 *
 *     guest notifies  -> with.wanted()                      the owner calls virtio_blk_service() soon, wherever it likes to
 *     virtio_blk_service() -> with.submit(request) ...      as many as there are
 *     virtio_blk_done(blk, request, result)                 at any time, also from inside submit()
 *     virtio_blk_service() ->                               returns what is done, one interrupt a queue; takes more
 *
 * A request's pieces lie in guest RAM, which the guest changes at any time; the request itself is private.
 *
 * Durability. FLUSH is offered, and a flush goes to the backend. A driver that does not know of it has a write-through disk:
 * its writes carry `durable`.
 *
 * A reset of the device waits until what is in flight has come back; nothing is returned to the guest then. There are
 * VIRTIO_BLK_REQUESTS requests for all queues together; what finds none stays in its queue.
 */
#ifndef VMM_DEVICE_VIRTIO_BLK_VIRTIO_BLK_H
#define VMM_DEVICE_VIRTIO_BLK_VIRTIO_BLK_H

#include "lib/virtio/blk.h"
#include "vmm/device/virtio/virtio_pci.h"

#define VIRTIO_BLK_REQUESTS   128u
#define VIRTIO_BLK_PIECES_MAX 62u /* of data; a chain has two more */

struct virtio_blk_piece {
    uint8_t *pointer;
    uint32_t length; /* bytes, not 0 */
};

enum virtio_blk_request_state { VIRTIO_BLK_FREE, VIRTIO_BLK_IN_FLIGHT, VIRTIO_BLK_DONE };

struct virtio_blk_request {
    uint32_t type;           /* IN, OUT, FLUSH, DISCARD or WRITE_ZEROES of enum virtio_blk_type */
    bool durable;            /* OUT, WRITE_ZEROES: when it is done */
    uint64_t offset, length; /* bytes; IN and OUT: the pieces' lengths add up to it */
    unsigned piece_count;
    struct virtio_blk_piece pieces[VIRTIO_BLK_PIECES_MAX];

    /* private */
    enum virtio_blk_request_state state;
    uint16_t queue, head;
    uint8_t *status;  /* where the guest wants it */
    uint32_t written; /* bytes of data, if all goes well */
    enum virtio_blk_status result;
    struct virtio_blk_request *next;
};

/* What the disk is like; lengths in bytes. */
struct virtio_blk_limits {
    uint64_t size;
    uint32_t block_size, physical_block_size;
    uint32_t pieces_max; /* of a request; cut to VIRTIO_BLK_PIECES_MAX */
    uint32_t piece_max;  /* of a piece; 0: any */
    uint64_t discard_max, discard_granularity, write_zeroes_max; /* 0: not offered */
    bool read_only;
};

struct virtio_blk;

struct virtio_blk_dependencies {
    const char *name; /* also what GET_ID tells; lent for ever */
    struct pci_bus *bus;
    struct apic_bus *apics;
    struct virtqueue_translation ram;
    unsigned queues;
    void (*wanted)(struct virtio_blk *blk);
    void (*submit)(struct virtio_blk *blk, struct virtio_blk_request *request);
};

struct virtio_blk {
    struct virtio_pci virtio; /* first member */
    struct virtio_blk_dependencies with;
    struct virtio_blk_config config;
    struct virtio_blk_limits limits;
    unsigned in_flight;              /* between submit and return to the guest */
    unsigned turn;                   /* the queue that is served first */
    struct virtio_blk_request *free; /* by next */
    struct virtio_blk_request *done; /* likewise, newest first */
    struct virtio_blk_request request[VIRTIO_BLK_REQUESTS];
};

/* `blk` must stay where it is. ERR_OVERFLOW: no place on the bus. */
[[nodiscard]] enum status virtio_blk_init(struct virtio_blk *blk, const struct virtio_blk_dependencies *with,
                                          const struct virtio_blk_limits *limits);

/* Returns to the guest what is done, and takes what it has new. */
void virtio_blk_service(struct virtio_blk *blk);

/* The backend is done with a request, and touches its pieces no more. */
void virtio_blk_done(struct virtio_blk *blk, struct virtio_blk_request *request,
                     enum virtio_blk_status result);

/* Size or write protection have changed: the guest is told by a change of configuration. */
void virtio_blk_changed(struct virtio_blk *blk, const struct virtio_blk_limits *limits);

/* ---- between the files of this folder ---- */

/* Fills in a request from a chain. VIRTIO_BLK_S_OK: it can be submitted, or (GET_ID) is complete, which `*complete` tells. Other results
   go back to the guest. ERR_INVALID: the chain is no request at all; `*reason`. */
[[nodiscard]] enum status virtio_blk_parse(const struct virtio_blk *blk, const struct virtqueue_piece *pieces,
                                           const struct virtqueue_chain *chain,
                                           struct virtio_blk_request *request, bool *complete,
                                           const char **reason);

#endif
