/* SPDX-License-Identifier: MIT */
/*
 * The registers of a VIRTIO device, by hooks: the driver's logic is tested against a fake device. pci.h has the
 * real ones.
 */
#ifndef DRIVER_BLOCK_VIRTIO_TRANSPORT_H
#define DRIVER_BLOCK_VIRTIO_TRANSPORT_H

#include "lib/base/status.h"
#include "lib/virtio/pci.h"

#include <stddef.h>
#include <stdint.h>

enum transport_area {
    TRANSPORT_COMMON, /* struct virtio_pci_common_cfg */
    TRANSPORT_DEVICE, /* the device's own configuration */
    TRANSPORT_ISR,
};

struct transport {
    /* `width`: 1, 2, 4 bytes. An offset behind the area reads as 0. */
    uint32_t (*read)(struct transport *transport, enum transport_area area, unsigned offset, unsigned width);
    /* Only of TRANSPORT_COMMON is anything written. */
    void (*write)(struct transport *transport, unsigned offset, unsigned width, uint32_t value);
    /* Tells where a queue's notify register is, from `queue_notify_off`. ERR_RANGE: not in the device's memory. */
    enum status (*notify_at)(struct transport *transport, unsigned queue, uint16_t notify_off);
    void (*notify)(struct transport *transport, unsigned queue);
    /* The device is at rest: it may reach memory, again if need be. */
    enum status (*rested)(struct transport *transport);
    /* Harder than status 0: resets the PCI function. */
    enum status (*function_reset)(struct transport *transport);
    /* For good: the device reaches no memory any more. */
    void (*stop)(struct transport *transport);
};

#define COMMON_READ(transport, field)                                                             \
    (transport)->read(transport, TRANSPORT_COMMON, offsetof(struct virtio_pci_common_cfg, field), \
                      sizeof(((struct virtio_pci_common_cfg *)0)->field))
#define COMMON_WRITE(transport, field, value)                                    \
    (transport)->write(transport, offsetof(struct virtio_pci_common_cfg, field), \
                       sizeof(((struct virtio_pci_common_cfg *)0)->field), (uint32_t)(value))

/* A 64-bit register, in two halves (4.1.3.1). */
static inline void transport_write64(struct transport *transport, unsigned offset, uint64_t value)
{
    transport->write(transport, offset, 4, (uint32_t)value);
    transport->write(transport, offset + 4, 4, (uint32_t)(value >> 32));
}

#endif
