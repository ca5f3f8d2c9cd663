/* SPDX-License-Identifier: MIT */
/* The registers of a VIRTIO PCI device; see pci.h. */
#include "driver/block/virtio/pci.h"

#include "lib/base/log.h"
#include "lib/fmt/status_text.h"
#include "lib/range/range.h"

static const uint8_t types[] = {
    [TRANSPORT_COMMON] = VIRTIO_PCI_CAP_COMMON_CFG,
    [TRANSPORT_DEVICE] = VIRTIO_PCI_CAP_DEVICE_CFG,
    [TRANSPORT_ISR] = VIRTIO_PCI_CAP_ISR_CFG,
};

static uint32_t read_register(struct transport *base, enum transport_area area, unsigned offset,
                              unsigned width)
{
    struct pci_transport *transport = (struct pci_transport *)base;
    unsigned type = types[area];
    volatile uint8_t *at = transport->windows[type] + offset;

    if (!range_ok(offset, width, transport->layout.windows[type].length))
        return 0;
    switch (width) {
    case 1: return *at;
    case 2: return *(volatile uint16_t *)at;
    default: return *(volatile uint32_t *)at;
    }
}

static void write_register(struct transport *base, unsigned offset, unsigned width, uint32_t value)
{
    struct pci_transport *transport = (struct pci_transport *)base;
    volatile uint8_t *at = transport->windows[VIRTIO_PCI_CAP_COMMON_CFG] + offset;

    switch (width) {
    case 1: *at = (uint8_t)value; break;
    case 2: *(volatile uint16_t *)at = (uint16_t)value; break;
    default: *(volatile uint32_t *)at = value;
    }
}

static enum status notify_at(struct transport *base, unsigned queue, uint16_t notify_off)
{
    struct pci_transport *transport = (struct pci_transport *)base;
    uint64_t offset = (uint64_t)notify_off * transport->layout.notify_off_multiplier;

    if (offset % 2 != 0 || !range_ok(offset, 2, transport->layout.windows[VIRTIO_PCI_CAP_NOTIFY_CFG].length))
        return ERR_RANGE;
    transport->notify[queue] = (volatile uint16_t *)(transport->windows[VIRTIO_PCI_CAP_NOTIFY_CFG] + offset);
    return OK;
}

static void notify(struct transport *base, unsigned queue)
{
    *((struct pci_transport *)base)->notify[queue] = (uint16_t)queue;
}

static enum status rested(struct transport *base)
{
    return device_bus_master(((struct pci_transport *)base)->device, true);
}

static enum status function_reset(struct transport *base)
{
    return device_reset(((struct pci_transport *)base)->device);
}

static void stop(struct transport *base)
{
    struct pci_transport *transport = (struct pci_transport *)base;
    enum status status = device_bus_master(transport->device, false);

    if (status != OK)
        log_error("the device cannot be stopped: %s", status_text(status));
}

static enum status config_read(void *context, unsigned offset, unsigned width, uint32_t *value)
{
    return device_config_read(context, offset, width, value);
}

enum status pci_transport_open(struct pci_transport *transport, struct device *device)
{
    volatile void *bars[PLATFORM_BARS] = {NULL};
    uint64_t sizes[PLATFORM_BARS] = {0};
    enum status status;

    *transport = (struct pci_transport){
        .transport = {read_register, write_register, notify_at, notify, rested, function_reset, stop},
        .device = device,
    };
    status = pci_layout_read(config_read, device, &transport->layout);
    if (status != OK) {
        log_error("not a modern VIRTIO device (disable-legacy=on?): %s", status_text(status));
        return status;
    }
    for (unsigned type = VIRTIO_PCI_CAP_COMMON_CFG; type <= VIRTIO_PCI_CAP_DEVICE_CFG; type++) {
        const struct pci_window *window = &transport->layout.windows[type];
        if (!bars[window->bar])
            status = device_bar(device, window->bar, &bars[window->bar], &sizes[window->bar]);
        if (status == OK && !range_ok(window->offset, window->length, sizes[window->bar]))
            status = ERR_RANGE;
        if (status != OK) {
            log_error("no registers behind base address register %u: %s", window->bar, status_text(status));
            return status;
        }
        transport->windows[type] = (volatile uint8_t *)bars[window->bar] + window->offset;
    }
    return OK;
}
