/* SPDX-License-Identifier: MIT */
/*
 * A modern virtio device on PCI: everything that is not special to one kind of device.
 *
 * Source: VIRTIO 1.2, sections 2 and 4.1. All structures lie in BAR 0, a page each:
 *
 *     0x0000 common configuration   0x1000 ISR   0x2000 device configuration   0x3000 notifications, 4 bytes a queue
 *     0x4000 MSI-X table            0x5000 MSI-X pending bits
 *
 * A kind of device is a struct with a struct virtio_pci as its first member and a table of three functions. It takes chains off
 * queue[n].ring while virtio_pci_runs(), returns them, and calls virtio_pci_interrupt().
 *
 * States, by the device status (2.1):
 *   reset      status 0. All is as after virtio_pci_init
 *   building   features, then queues
 *   running    DRIVER_OK: queues are served
 *   broken     NEEDS_RESET: the driver did what no correct one does; queues are not served any more
 *   resetting  0 was written, but requests are still in flight: status reads as before until virtio_pci_reset_done()
 *
 * Invariant: a queue's ring is open only while it is enabled, and all that is open lies in guest RAM.
 *
 * INTx# is not there; while MSI-X is off, a driver can poll the ISR register.
 */
#ifndef VMM_DEVICE_VIRTIO_VIRTIO_PCI_H
#define VMM_DEVICE_VIRTIO_VIRTIO_PCI_H

#include "lib/virtio/pci.h"
#include "lib/virtio/queue_device.h"
#include "vmm/device/pci/msix.h"

#define VIRTIO_PCI_QUEUES_MAX 8u
#define VIRTIO_PCI_QUEUE_SIZE 128u /* the largest, and what a queue has after a reset */

struct virtio_pci;

struct virtio_pci_ops {
    /* The driver has notified a queue of a running device, made it a bus master, or broken it by its setup. */
    void (*notified)(struct virtio_pci *virtio, unsigned queue);
    /* The device stops. False: requests are in flight, virtio_pci_reset_done() comes later. */
    bool (*reset)(struct virtio_pci *virtio);
    /* Optional: writes to the device's configuration. */
    void (*config_write)(struct virtio_pci *virtio, uint64_t offset, unsigned width, uint64_t value);
};

struct virtio_pci_queue {
    uint16_t size;   /* as the driver wants it */
    uint16_t vector; /* VIRTIO_MSI_NO_VECTOR: none */
    bool enabled;
    uint64_t desc, driver, device; /* guest-physical */
    struct virtqueue_device ring;  /* if enabled */
};

struct virtio_pci {
    struct pci_function function; /* first member */
    struct msix msix;
    const struct virtio_pci_ops *ops;
    struct virtqueue_translation ram;
    uint64_t features; /* offered */
    uint64_t driver_features;
    uint32_t device_feature_select, driver_feature_select;
    uint16_t config_vector, queue_select;
    uint8_t status;
    uint8_t generation;
    uint8_t isr;
    bool resetting;
    unsigned queues;
    unsigned configuration_capability; /* offset of VIRTIO_PCI_CAP_PCI_CFG */
    const void *config;                /* of the device's kind, `config_size` bytes */
    unsigned config_size;
    const char *reason_opt; /* why the device is broken */
    struct virtio_pci_queue queue[VIRTIO_PCI_QUEUES_MAX];
};

struct virtio_pci_options {
    const char *name; /* of the window, for the statistics; lent for ever */
    unsigned id;      /* enum virtio_device_id */
    uint32_t class_code;
    uint64_t features; /* of the kind; those of all devices are added */
    unsigned queues;   /* 1 to VIRTIO_PCI_QUEUES_MAX */
    const void *config;
    unsigned config_size;
    const struct virtio_pci_ops *ops;
    struct pci_bus *bus;
    struct apic_bus *apics;
    struct virtqueue_translation ram;
};

/* ERR_OVERFLOW: no place on the bus. */
[[nodiscard]] enum status virtio_pci_init(struct virtio_pci *virtio,
                                          const struct virtio_pci_options *options);

/* Features that both sides have agreed on; 0 before that. */
static inline uint64_t virtio_pci_features(const struct virtio_pci *virtio)
{
    return virtio->status & VIRTIO_STATUS_FEATURES_OK ? virtio->driver_features : 0;
}

/* It runs, or would, if it might reach memory: what has come back waits until it is a bus master again. (What a backend has
   already goes on.) */
static inline bool virtio_pci_started(const struct virtio_pci *virtio)
{
    return (virtio->status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) ==
               VIRTIO_STATUS_DRIVER_OK &&
           !virtio->resetting;
}

/* May queues be served? */
static inline bool virtio_pci_runs(const struct virtio_pci *virtio)
{
    return virtio_pci_started(virtio) && pci_is_master(&virtio->function);
}

/* There are returned chains in this queue that the driver wants to be told of. */
void virtio_pci_interrupt(struct virtio_pci *virtio, unsigned queue);

/* The device's configuration has changed. */
void virtio_pci_config_changed(struct virtio_pci *virtio);

/* The driver has broken the device; `reason` is kept for the log. */
void virtio_pci_break(struct virtio_pci *virtio, const char *reason);

/* Nothing is in flight any more. */
void virtio_pci_reset_done(struct virtio_pci *virtio);

/* BAR 0; width 1, 2 or 4. */
uint64_t virtio_pci_read(struct virtio_pci *virtio, uint64_t offset, unsigned width);
void virtio_pci_write(struct virtio_pci *virtio, uint64_t offset, unsigned width, uint64_t value);

/* ---- between the files of this folder ---- */

/* The common configuration structure (4.1.4.3). */
uint64_t virtio_pci_common_read(struct virtio_pci *virtio, uint64_t offset, unsigned width);
void virtio_pci_common_write(struct virtio_pci *virtio, uint64_t offset, unsigned width, uint64_t value);

/* All registers as after power-up. */
void virtio_pci_clear(struct virtio_pci *virtio);

#endif
