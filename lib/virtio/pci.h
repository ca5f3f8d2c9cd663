/* SPDX-License-Identifier: MIT */
/*
 * VIRTIO over PCI (VIRTIO 1.2, section 4.1): where a device's registers are, and what they are. For the driver
 * and for the model.
 *
 * Vendor-specific capabilities in configuration space name a base address register, an offset and a length for
 * each of the structures. Registers are accessed in their own width; 64-bit ones as two halves, low first
 * (4.1.3.1).
 */
#ifndef LIB_VIRTIO_PCI_H
#define LIB_VIRTIO_PCI_H

#include "lib/virtio/virtio.h"

#include <stddef.h>
#include <stdint.h>

#define VIRTIO_PCI_VENDOR     0x1af4u
#define VIRTIO_PCI_DEVICE(id) (0x1040u + (id)) /* modern devices (4.1.2.1) */
#define VIRTIO_PCI_REVISION   1u               /* at least */

#define VIRTIO_PCI_CAP_VENDOR 0x09u /* cap_vndr: "vendor specific" */

enum virtio_pci_cfg_type {
    VIRTIO_PCI_CAP_COMMON_CFG = 1,
    VIRTIO_PCI_CAP_NOTIFY_CFG = 2,
    VIRTIO_PCI_CAP_ISR_CFG = 3,
    VIRTIO_PCI_CAP_DEVICE_CFG = 4,
    VIRTIO_PCI_CAP_PCI_CFG = 5,
    VIRTIO_PCI_CAP_SHARED_MEMORY_CFG = 8,
    VIRTIO_PCI_CAP_VENDOR_CFG = 9,
};

struct virtio_pci_cap { /* (4.1.4) */
    uint8_t cap_vndr;   /* VIRTIO_PCI_CAP_VENDOR */
    uint8_t cap_next;
    uint8_t cap_len;
    uint8_t cfg_type; /* enum virtio_pci_cfg_type */
    uint8_t bar;      /* 0 to 5; others are reserved: ignore the capability */
    uint8_t id;
    uint8_t padding[2];
    uint32_t offset; /* in the base address register's memory */
    uint32_t length; /* bytes */
};

struct virtio_pci_notify_cap { /* (4.1.4.4) */
    struct virtio_pci_cap cap;
    uint32_t notify_off_multiplier; /* a queue's notify address: cap.offset + queue_notify_off * this */
};

struct virtio_pci_cfg_cap {    /* (4.1.4.9): access to base address registers from configuration space */
    struct virtio_pci_cap cap; /* bar, offset, length (1, 2, 4): written by the driver */
    uint8_t pci_cfg_data[4];
};

/* Common configuration (4.1.4.3). "rw" for the driver. */
struct virtio_pci_common_cfg {
    uint32_t device_feature_select; /* rw: which 32 bits device_feature shows */
    uint32_t device_feature;        /* ro */
    uint32_t driver_feature_select; /* rw */
    uint32_t driver_feature;        /* rw */
    uint16_t config_msix_vector;    /* rw: reads back VIRTIO_MSI_NO_VECTOR if the device could not */
    uint16_t num_queues;            /* ro */
    uint8_t device_status;          /* rw: enum virtio_status; after writing 0, wait until it reads 0 */
    uint8_t config_generation;      /* ro: changes with the device's configuration */
    uint16_t queue_select;          /* rw: the queue that the following are about */
    uint16_t queue_size;            /* rw: at reset the largest possible; 0: no such queue */
    uint16_t queue_msix_vector;     /* rw */
    uint16_t queue_enable;          /* rw: 1; never written 0 */
    uint16_t queue_notify_off;      /* ro */
    uint64_t queue_desc;            /* rw */
    uint64_t queue_driver;          /* rw: the available ring */
    uint64_t queue_device;          /* rw: the used ring */
    uint16_t queue_notify_data;     /* ro, with VIRTIO_F_NOTIFICATION_DATA */
    uint16_t queue_reset;           /* rw, with VIRTIO_F_RING_RESET */
    uint32_t padding;
};

#define VIRTIO_PCI_COMMON_CFG_SIZE 56u /* what every device has: up to and with queue_device */
#define VIRTIO_MSI_NO_VECTOR       0xffffu

/* ISR status (4.1.4.5): reading it clears it, and takes back INTx. */
enum virtio_pci_isr {
    VIRTIO_PCI_ISR_QUEUE = 1u << 0,
    VIRTIO_PCI_ISR_CONFIG = 1u << 1,
};

_Static_assert(sizeof(struct virtio_pci_cap) == 16, "4.1.4");
_Static_assert(sizeof(struct virtio_pci_notify_cap) == 20, "4.1.4.4");
_Static_assert(sizeof(struct virtio_pci_cfg_cap) == 20, "4.1.4.9");
_Static_assert(offsetof(struct virtio_pci_common_cfg, device_status) == 20, "4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common_cfg, queue_select) == 22, "4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common_cfg, queue_desc) == 32, "4.1.4.3");
_Static_assert(offsetof(struct virtio_pci_common_cfg, queue_notify_data) == VIRTIO_PCI_COMMON_CFG_SIZE,
               "4.1.4.3");
_Static_assert(sizeof(struct virtio_pci_common_cfg) == 64, "4.1.4.3");

#endif
