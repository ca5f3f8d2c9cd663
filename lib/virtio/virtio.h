/* SPDX-License-Identifier: MIT */
/*
 * What all VIRTIO devices and their drivers agree on (VIRTIO 1.2, sections 2.1, 2.2, 5 and 6).
 */
#ifndef LIB_VIRTIO_VIRTIO_H
#define LIB_VIRTIO_VIRTIO_H

#include <stdint.h>

/* Device status (2.1): the driver sets one bit after the other; 0 resets the device. */
enum virtio_status {
    VIRTIO_STATUS_ACKNOWLEDGE = 1u << 0,
    VIRTIO_STATUS_DRIVER = 1u << 1,
    VIRTIO_STATUS_DRIVER_OK = 1u << 2,
    VIRTIO_STATUS_FEATURES_OK = 1u << 3, /* read it back: the device may refuse the features */
    VIRTIO_STATUS_NEEDS_RESET = 1u << 6, /* set by the device */
    VIRTIO_STATUS_FAILED = 1u << 7,
};

/* Feature bits of all devices (6), as masks of the 64 bits. */
#define VIRTIO_F_INDIRECT_DESC   (1ull << 28)
#define VIRTIO_F_EVENT_IDX       (1ull << 29)
#define VIRTIO_F_VERSION_1       (1ull << 32) /* not a device from before 1.0 */
#define VIRTIO_F_ACCESS_PLATFORM (1ull << 33) /* addresses are what the platform's IOMMU translates */
#define VIRTIO_F_RING_PACKED     (1ull << 34)
#define VIRTIO_F_IN_ORDER        (1ull << 35)
#define VIRTIO_F_ORDER_PLATFORM  (1ull << 36)
#define VIRTIO_F_RING_RESET      (1ull << 40)

enum virtio_device_id { /* (5) */
                        VIRTIO_ID_NETWORK = 1,
                        VIRTIO_ID_BLOCK = 2,
                        VIRTIO_ID_CONSOLE = 3,
                        VIRTIO_ID_ENTROPY = 4,
};

#endif
