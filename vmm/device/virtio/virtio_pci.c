/* SPDX-License-Identifier: MIT */
/* See virtio_pci.h. */
#include "vmm/device/virtio/virtio_pci.h"

#include "lib/range/range.h"
#include "lib/string/string.h"

#define BAR       0u
#define BAR_SIZE  0x8000u
#define PAGE_SIZE 0x1000u

/* Pages of the BAR. */
enum page { PAGE_COMMON, PAGE_ISR, PAGE_DEVICE, PAGE_NOTIFY, PAGE_MSIX_TABLE, PAGE_MSIX_PENDING };

#define NOTIFY_MULTIPLIER 4u

/* ---- interrupts ---- */

/* A change of configuration is in the ISR register in any case, a queue's interrupt only without MSI-X (4.1.4.5.1). */
static void send(struct virtio_pci *virtio, uint16_t vector, enum virtio_pci_isr cause)
{
    bool messages = msix_enabled(&virtio->msix);

    if (!messages || cause == VIRTIO_PCI_ISR_CONFIG)
        virtio->isr |= (uint8_t)cause;
    if (messages)
        msix_send(&virtio->msix, vector);
}

void virtio_pci_interrupt(struct virtio_pci *virtio, unsigned queue)
{
    send(virtio, virtio->queue[queue].vector, VIRTIO_PCI_ISR_QUEUE);
}

void virtio_pci_config_changed(struct virtio_pci *virtio)
{
    virtio->generation++;
    if (virtio->status & VIRTIO_STATUS_DRIVER_OK && !virtio->resetting)
        send(virtio, virtio->config_vector, VIRTIO_PCI_ISR_CONFIG);
}

void virtio_pci_break(struct virtio_pci *virtio, const char *reason)
{
    if (virtio->status & VIRTIO_STATUS_NEEDS_RESET)
        return;
    virtio->reason_opt = reason;
    virtio->status |= VIRTIO_STATUS_NEEDS_RESET;
    virtio_pci_config_changed(virtio);
}

void virtio_pci_reset_done(struct virtio_pci *virtio)
{
    virtio_pci_clear(virtio);
}

/* ---- BAR 0 ---- */

static uint64_t device_read(const struct virtio_pci *virtio, uint64_t offset, unsigned width)
{
    uint64_t value = 0;

    if (range_ok(offset, width, virtio->config_size) && width <= sizeof(value))
        memcpy(&value, (const uint8_t *)virtio->config + offset, width);
    return value;
}

static uint64_t isr_read(struct virtio_pci *virtio, uint64_t offset)
{
    uint8_t isr = virtio->isr;

    if (offset)
        return 0;
    virtio->isr = 0;
    return isr;
}

uint64_t virtio_pci_read(struct virtio_pci *virtio, uint64_t offset, unsigned width)
{
    uint64_t inside = offset % PAGE_SIZE;

    switch (offset / PAGE_SIZE) {
    case PAGE_COMMON: return virtio_pci_common_read(virtio, inside, width);
    case PAGE_ISR: return isr_read(virtio, inside);
    case PAGE_DEVICE: return device_read(virtio, inside, width);
    case PAGE_MSIX_TABLE: return msix_table_read(&virtio->msix, inside, width);
    case PAGE_MSIX_PENDING: return msix_pending_read(&virtio->msix, inside, width);
    default: return 0;
    }
}

/* The address says which queue; the value is the same number again. */
static void notify(struct virtio_pci *virtio, uint64_t offset)
{
    uint64_t queue = offset / NOTIFY_MULTIPLIER;

    if (queue < virtio->queues && virtio->queue[queue].enabled && virtio_pci_runs(virtio))
        virtio->ops->notified(virtio, (unsigned)queue);
}

void virtio_pci_write(struct virtio_pci *virtio, uint64_t offset, unsigned width, uint64_t value)
{
    uint64_t inside = offset % PAGE_SIZE;

    switch (offset / PAGE_SIZE) {
    case PAGE_NOTIFY: notify(virtio, inside); break;
    case PAGE_COMMON: virtio_pci_common_write(virtio, inside, width, value); break;
    case PAGE_DEVICE:
        if (virtio->ops->config_write)
            virtio->ops->config_write(virtio, inside, width, value);
        break;
    case PAGE_MSIX_TABLE: msix_table_write(&virtio->msix, inside, width, value); break;
    default: break;
    }
}

extern const struct device_ops virtio_pci_ops;
DEVICE_OPS(virtio_pci, struct virtio_pci);

/* ---- configuration space ---- */

/* What VIRTIO_PCI_CAP_PCI_CFG (4.1.4.9) points at, if the data register is touched and it makes sense. */
static bool window(const struct virtio_pci *virtio, unsigned offset, unsigned width, uint32_t *where,
                   uint32_t *length)
{
    unsigned capability = virtio->configuration_capability;

    if (!pci_touches(offset, width, capability + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data), 4))
        return false;
    *where = pci_get(&virtio->function, capability + offsetof(struct virtio_pci_cap, offset), 4);
    *length = pci_get(&virtio->function, capability + offsetof(struct virtio_pci_cap, length), 4);
    return (*length == 1 || *length == 2 || *length == 4) && *where % *length == 0 &&
           range_ok(*where, *length, BAR_SIZE) &&
           pci_get(&virtio->function, capability + offsetof(struct virtio_pci_cap, bar), 1) == BAR;
}

static unsigned window_data(const struct virtio_pci *virtio)
{
    return virtio->configuration_capability + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
}

static void refresh(struct pci_function *function, unsigned offset, unsigned width)
{
    struct virtio_pci *virtio = (struct virtio_pci *)function;
    uint32_t where, length;

    if (window(virtio, offset, width, &where, &length))
        pci_set(function, window_data(virtio), length, (uint32_t)virtio_pci_read(virtio, where, length));
}

static void written(struct pci_function *function, unsigned offset, unsigned width)
{
    struct virtio_pci *virtio = (struct virtio_pci *)function;
    uint32_t where, length;

    msix_written(&virtio->msix, offset, width);
    if (pci_touches(offset, width, PCI_COMMAND, 2) && virtio_pci_runs(virtio))
        virtio->ops->notified(virtio, 0);
    if (window(virtio, offset, width, &where, &length))
        virtio_pci_write(virtio, where, length, pci_get(function, window_data(virtio), length));
}

static const struct pci_function_ops function_ops = {refresh, written};

static unsigned structure_add(struct virtio_pci *virtio, enum virtio_pci_cfg_type type, enum page page,
                              unsigned length, unsigned size)
{
    struct pci_function *function = &virtio->function;
    unsigned offset = pci_capability_add(function, VIRTIO_PCI_CAP_VENDOR, size);

    pci_set(function, offset + offsetof(struct virtio_pci_cap, cap_len), 1, size);
    pci_set(function, offset + offsetof(struct virtio_pci_cap, cfg_type), 1, type);
    pci_set(function, offset + offsetof(struct virtio_pci_cap, bar), 1, BAR);
    pci_set(function, offset + offsetof(struct virtio_pci_cap, offset), 4, page * PAGE_SIZE);
    pci_set(function, offset + offsetof(struct virtio_pci_cap, length), 4, length);
    return offset;
}

static void capabilities_add(struct virtio_pci *virtio, struct apic_bus *apics)
{
    struct msix_options msix = {.vectors = virtio->queues + 1,
                                .bar = BAR,
                                .table_offset = PAGE_MSIX_TABLE * PAGE_SIZE,
                                .pending_offset = PAGE_MSIX_PENDING * PAGE_SIZE};
    unsigned plain = sizeof(struct virtio_pci_cap);

    msix_init(&virtio->msix, &virtio->function, apics, &msix);
    structure_add(virtio, VIRTIO_PCI_CAP_COMMON_CFG, PAGE_COMMON, VIRTIO_PCI_COMMON_CFG_SIZE, plain);
    structure_add(virtio, VIRTIO_PCI_CAP_ISR_CFG, PAGE_ISR, 1, plain);
    structure_add(virtio, VIRTIO_PCI_CAP_DEVICE_CFG, PAGE_DEVICE, virtio->config_size, plain);
    unsigned notify_capability =
        structure_add(virtio, VIRTIO_PCI_CAP_NOTIFY_CFG, PAGE_NOTIFY, virtio->queues * NOTIFY_MULTIPLIER,
                      sizeof(struct virtio_pci_notify_cap));
    pci_set(&virtio->function,
            notify_capability + offsetof(struct virtio_pci_notify_cap, notify_off_multiplier), 4,
            NOTIFY_MULTIPLIER);
    unsigned access =
        structure_add(virtio, VIRTIO_PCI_CAP_PCI_CFG, PAGE_COMMON, 0, sizeof(struct virtio_pci_cfg_cap));
    virtio->configuration_capability = access;
    virtio->function.writable[access + offsetof(struct virtio_pci_cap, bar)] = 0xff;
    memset(&virtio->function.writable[access + offsetof(struct virtio_pci_cap, offset)], 0xff,
           sizeof(struct virtio_pci_cfg_cap) - offsetof(struct virtio_pci_cap, offset));
}

enum status virtio_pci_init(struct virtio_pci *virtio, const struct virtio_pci_options *options)
{
    struct pci_identity identity = {.vendor = VIRTIO_PCI_VENDOR,
                                    .device = (uint16_t)VIRTIO_PCI_DEVICE(options->id),
                                    .subsystem_vendor = VIRTIO_PCI_VENDOR,
                                    .subsystem = (uint16_t)VIRTIO_PCI_DEVICE(options->id),
                                    .class_code = options->class_code,
                                    .revision = VIRTIO_PCI_REVISION};
    struct pci_bar_options bar = {.index = BAR,
                                  .size = BAR_SIZE,
                                  .widths = BUS_BYTE | BUS_WORD | BUS_DWORD,
                                  .name = options->name,
                                  .ops = &virtio_pci_ops,
                                  .device = virtio};

    memset(virtio, 0, sizeof(*virtio));
    virtio->ops = options->ops;
    virtio->ram = options->ram;
    virtio->features = options->features | VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC;
    virtio->queues = options->queues;
    virtio->config = options->config;
    virtio->config_size = options->config_size;
    virtio_pci_clear(virtio);
    enum status status = pci_function_init(&virtio->function, options->bus, &identity, &function_ops);
    if (status == OK)
        status = pci_bar_add(&virtio->function, &bar);
    if (status == OK)
        capabilities_add(virtio, options->apics);
    return status;
}
