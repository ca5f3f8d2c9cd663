/* SPDX-License-Identifier: MIT */
/*
 * VIRTIO over PCI as the driver uses it (VIRTIO 1.2, 4.1): where the structures are (hardware-free), and their
 * registers in the memory behind the base address registers.
 */
#ifndef DRIVER_BLOCK_VIRTIO_PCI_H
#define DRIVER_BLOCK_VIRTIO_PCI_H

#include "driver/block/virtio/block.h"
#include "driver/block/virtio/transport.h"
#include "lib/device/device.h"

#include <stdbool.h>

struct pci_window {
    bool present;
    unsigned bar;
    uint64_t offset, length; /* bytes in the base address register's memory */
};

struct pci_layout {
    struct pci_window
        windows[VIRTIO_PCI_CAP_DEVICE_CFG + 1]; /* by enum virtio_pci_cfg_type; [0] is not used */
    uint32_t notify_off_multiplier;
};

/* Walks the capabilities, of each kind the first one that can be used (4.1.4.1). ERR_NOT_FOUND: a structure is
   missing; or what `read` said. */
[[nodiscard]] enum status pci_layout_read(enum status (*read)(void *context, unsigned offset, unsigned width,
                                                              uint32_t *value),
                                          void *context, struct pci_layout *out);

struct pci_transport {
    struct transport transport; /* first */
    struct device *device;
    struct pci_layout layout;
    volatile uint8_t *windows[VIRTIO_PCI_CAP_DEVICE_CFG + 1];
    volatile uint16_t *notify[QUEUES_MAX];
};

/* Attaches the registers of an open device. Complaints are logged. */
[[nodiscard]] enum status pci_transport_open(struct pci_transport *transport, struct device *device);

#endif
