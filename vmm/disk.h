/* SPDX-License-Identifier: MIT */
/*
 * A virtual disk of the guest on a BLOCK session: the backend of vmm/device/virtio_blk.
 *
 * All of it but the guest's notification happens on the main thread, in one piece of deferred work: what the server has
 * completed goes back to the guest, what the guest has new goes to the server, with one interrupt and one notification for all.
 * So an exit that notifies does nothing but ask for that work, on whichever virtual CPU it is.
 *
 * Zero-copy: guest RAM's dataspace is registered with the session, and the server (and its device) reads and writes it
 * itself; it can reach *all* of the guest's RAM, until the monitor ends. With `bounce`, it reaches a buffer of the
 * monitor's only, and the data are copied.
 *
 * When the server dies the requests wait for the next one. If completed writes may have been lost, each FLUSH fails until the
 * guest has seen one fail: Linux then knows that its file system is not sound.
 */
#ifndef VMM_DISK_H
#define VMM_DISK_H

#include "lib/block/client.h"
#include "vmm/config.h"
#include "vmm/device/virtio_blk/virtio_blk.h"
#include "vmm/image/guest_ram.h"

/* The machine as a disk sees it. */
struct disk_machine {
    struct pci_bus *bus;
    struct apic_bus *apics;
    const struct guest_ram *ram;
    uint32_t ram_dataspace;        /* all of guest RAM, in the order of the monitor's own view */
    struct entrypoint *entrypoint; /* the main thread's */
    void (*enter)(void);           /* takes the machine's lock */
    void (*leave)(void);           /* devices may have changed; leaves the lock */
};

struct disk;

struct disk_request {
    struct block_request request; /* first member */
    struct disk *disk;
    struct virtio_blk_request *of;
    struct disk_request *next;
    struct block_client_piece pieces[VIRTIO_BLK_PIECES_MAX];
};

struct disk {
    struct virtio_blk blk;      /* first member */
    struct block_client client; /* the main thread's */
    const struct config_disk *config;
    const struct disk_machine *machine;
    struct deferred work;
    struct disk_request *finished, **finished_end; /* the main thread's */
    uint32_t region;
    uint64_t told;          /* losses so far when a FLUSH failed for them */
    bool ready;             /* on the bus */
    const char *reason_opt; /* that was logged */
    unsigned complaints;
    uint64_t requests, flushes, errors;               /* statistics */
    struct disk_request request[VIRTIO_BLK_REQUESTS]; /* as in blk.request */
};

/* Opens the session, which is waited for, and puts the disk on the bus. Says what is wrong. `disk` is zeroed and stays where it
   is; the others are lent for ever. */
[[nodiscard]] bool disk_open(struct disk *disk, const struct config_disk *config,
                             const struct disk_machine *machine);

#endif
