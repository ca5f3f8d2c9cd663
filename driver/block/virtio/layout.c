/* SPDX-License-Identifier: MIT */
/* Where a VIRTIO device's structures are: its capabilities; see pci.h. What it says may be anything. */
#include "driver/block/virtio/pci.h"

#define STATUS_REGISTER     0x06u
#define STATUS_CAPABILITIES 0x10u
#define CAPABILITIES        0x34u
#define CAPABILITY_FIRST    0x40u
#define CAPABILITIES_MAX    48u /* more do not fit into 256 bytes */

struct reader {
    enum status (*read)(void *context, unsigned offset, unsigned width, uint32_t *value);
    void *context;
    enum status status; /* the first error; then all reads are 0 */
};

static uint32_t get(struct reader *reader, unsigned offset, unsigned width)
{
    uint32_t value = 0;

    if (reader->status == OK)
        reader->status = reader->read(reader->context, offset, width, &value);
    return reader->status == OK ? value : 0;
}

/* The least that the driver needs of a structure. */
static uint32_t length_needed(unsigned type)
{
    switch (type) {
    case VIRTIO_PCI_CAP_COMMON_CFG: return VIRTIO_PCI_COMMON_CFG_SIZE;
    case VIRTIO_PCI_CAP_NOTIFY_CFG: return 2;
    case VIRTIO_PCI_CAP_DEVICE_CFG: return sizeof(uint64_t);
    default: return 1;
    }
}

static void take(struct reader *reader, unsigned at, struct pci_layout *out)
{
    unsigned type = get(reader, at + offsetof(struct virtio_pci_cap, cfg_type), 1);
    struct pci_window window = {
        .present = true,
        .bar = get(reader, at + offsetof(struct virtio_pci_cap, bar), 1),
        .offset = get(reader, at + offsetof(struct virtio_pci_cap, offset), 4),
        .length = get(reader, at + offsetof(struct virtio_pci_cap, length), 4),
    };
    bool notify = type == VIRTIO_PCI_CAP_NOTIFY_CFG;
    unsigned size = notify ? sizeof(struct virtio_pci_notify_cap) : sizeof(struct virtio_pci_cap);

    if (type < VIRTIO_PCI_CAP_COMMON_CFG || type > VIRTIO_PCI_CAP_DEVICE_CFG || out->windows[type].present)
        return;
    if (get(reader, at + offsetof(struct virtio_pci_cap, cap_len), 1) < size || at + size > 256 ||
        window.bar >= PLATFORM_BARS || window.length < length_needed(type))
        return;
    if (type != VIRTIO_PCI_CAP_ISR_CFG && window.offset % (notify ? 2 : 4) != 0)
        return;
    out->windows[type] = window;
    if (notify)
        out->notify_off_multiplier =
            get(reader, at + offsetof(struct virtio_pci_notify_cap, notify_off_multiplier), 4);
}

enum status pci_layout_read(enum status (*read)(void *context, unsigned offset, unsigned width,
                                                uint32_t *value),
                            void *context, struct pci_layout *out)
{
    struct reader reader = {.read = read, .context = context};
    struct pci_layout layout = {0};
    unsigned at = 0;

    if (get(&reader, STATUS_REGISTER, 2) & STATUS_CAPABILITIES)
        at = get(&reader, CAPABILITIES, 1) & ~3u;
    for (unsigned i = 0; i < CAPABILITIES_MAX && at >= CAPABILITY_FIRST; i++) {
        if (get(&reader, at, 1) == VIRTIO_PCI_CAP_VENDOR && at + sizeof(struct virtio_pci_cap) <= 256)
            take(&reader, at, &layout);
        at = get(&reader, at + offsetof(struct virtio_pci_cap, cap_next), 1) & ~3u;
    }
    if (reader.status != OK)
        return reader.status;
    for (unsigned type = VIRTIO_PCI_CAP_COMMON_CFG; type <= VIRTIO_PCI_CAP_DEVICE_CFG; type++)
        if (!layout.windows[type].present)
            return ERR_NOT_FOUND;
    *out = layout;
    return OK;
}
