/* SPDX-License-Identifier: MIT */
/* See pci.h. */
#include "vmm/device/pci/pci.h"

#include "lib/range/range.h"
#include "lib/string/string.h"

static const struct pci_identity bridge = {
    .vendor = 0x8086, .device = 0x0d57, .class_code = 0x060000}; /* Intel, virtual host bridge */

uint32_t pci_get(const struct pci_function *function, unsigned offset, unsigned width)
{
    uint32_t value = 0;

    if (range_ok(offset, width, PCI_CONFIG_SIZE) && width <= sizeof(value))
        memcpy(&value, &function->config[offset], width);
    return value;
}

void pci_set(struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
    if (range_ok(offset, width, PCI_CONFIG_SIZE) && width <= sizeof(value))
        memcpy(&function->config[offset], &value, width);
}

static void allow(struct pci_function *function, unsigned offset, unsigned width, uint32_t bits)
{
    memcpy(&function->writable[offset], &bits, width);
}

/* ---- building ---- */

static void identify(struct pci_function *function, const struct pci_identity *identity)
{
    pci_set(function, PCI_VENDOR, 2, identity->vendor);
    pci_set(function, PCI_DEVICE, 2, identity->device);
    pci_set(function, PCI_REVISION, 4, identity->class_code << 8 | identity->revision);
    pci_set(function, PCI_SUBSYSTEM_VENDOR, 2, identity->subsystem_vendor);
    pci_set(function, PCI_SUBSYSTEM, 2, identity->subsystem);
    function->capability_next = PCI_CAPABILITY_FIRST;
}

void pci_bus_init(struct pci_bus *bus, struct mmio_bus *mmio)
{
    memset(bus, 0, sizeof(*bus));
    bus->mmio = mmio;
    bus->bridge.bus = bus;
    identify(&bus->bridge, &bridge);
    bus->function[bus->devices++] = &bus->bridge;
}

enum status pci_function_init(struct pci_function *function, struct pci_bus *bus,
                              const struct pci_identity *identity, const struct pci_function_ops *ops)
{
    if (bus->devices == PCI_DEVICES)
        return ERR_OVERFLOW;
    memset(function, 0, sizeof(*function));
    function->bus = bus;
    function->ops = ops;
    identify(function, identity);
    allow(function, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
    bus->function[bus->devices++] = function;
    return OK;
}

static unsigned bar_offset(unsigned index)
{
    return PCI_BAR0 + 4 * index;
}

enum status pci_bar_add(struct pci_function *function, const struct pci_bar_options *options)
{
    struct pci_bar *bar = &function->bar[options->index];
    enum status status = mmio_bus_reserve(function->bus->mmio, options->name, options->widths, options->ops,
                                          options->device, &bar->window);

    if (status != OK)
        return status;
    bar->size = options->size;
    allow(function, bar_offset(options->index), 4, ~(options->size - 1));
    return OK;
}

unsigned pci_capability_add(struct pci_function *function, uint8_t id, unsigned size)
{
    unsigned offset = function->capability_next;

    pci_set(function, offset, 1, id);
    pci_set(function, function->capability_last ? function->capability_last + 1 : PCI_CAPABILITIES, 1,
            offset);
    function->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
    function->capability_last = offset;
    function->capability_next = offset + ((size + 3) & ~3u);
    return offset;
}

/* ---- BARs ---- */

static void bar_follow(struct pci_function *function, unsigned index, bool coming)
{
    struct pci_bar *bar = &function->bar[index];
    bool decode = bar->size && function->config[PCI_COMMAND] & PCI_COMMAND_MEMORY;
    uint32_t base = pci_get(function, bar_offset(index), 4);
    bool right = bar->placed == decode && (!decode || bar->base == base);

    if (right || bar->placed == coming)
        return;
    bar->placed =
        mmio_bus_place(function->bus->mmio, bar->window, base, coming ? bar->size : 0) == OK && coming;
    bar->base = base;
}

/* All of the bus: where one leaves, another may come that was nowhere. */
static void bars_follow(struct pci_bus *bus)
{
    for (unsigned coming = 0; coming < 2; coming++)
        for (unsigned device = 1; device < bus->devices; device++)
            for (unsigned i = 0; i < PCI_BARS; i++)
                bar_follow(bus->function[device], i, coming);
}

enum status pci_bus_assign(struct pci_bus *bus)
{
    uint64_t next = PCI_WINDOW_BASE;

    for (unsigned device = 1; device < bus->devices; device++) {
        struct pci_function *function = bus->function[device];

        for (unsigned i = 0; i < PCI_BARS; i++) {
            uint64_t size = function->bar[i].size;

            if (!size)
                continue;
            next = (next + size - 1) & ~(size - 1);
            if (!range_ok(next, size, PCI_WINDOW_END))
                return ERR_OVERFLOW;
            pci_set(function, bar_offset(i), 4, (uint32_t)next);
            next += size;
        }
        function->config[PCI_COMMAND] |= PCI_COMMAND_MEMORY;
    }
    bars_follow(bus);
    return OK;
}

/* ---- configuration cycles ---- */

static bool cycle_valid(const struct pci_bus *bus, unsigned device, unsigned offset, unsigned width)
{
    return device < bus->devices && range_ok(offset, width, PCI_CONFIG_SIZE) && width <= 4;
}

uint32_t pci_bus_read(struct pci_bus *bus, unsigned device, unsigned offset, unsigned width)
{
    if (!cycle_valid(bus, device, offset, width))
        return UINT32_MAX;
    struct pci_function *function = bus->function[device];
    if (function->ops && function->ops->refresh)
        function->ops->refresh(function, offset, width);
    return pci_get(function, offset, width);
}

void pci_bus_write(struct pci_bus *bus, unsigned device, unsigned offset, unsigned width, uint32_t value)
{
    if (!cycle_valid(bus, device, offset, width))
        return;
    struct pci_function *function = bus->function[device];

    for (unsigned i = 0; i < width; i++) {
        uint8_t writable = function->writable[offset + i];

        function->config[offset + i] =
            (uint8_t)((function->config[offset + i] & ~writable) | (value >> 8 * i & writable));
    }
    if (pci_touches(offset, width, PCI_COMMAND, 2) || pci_touches(offset, width, PCI_BAR0, 4 * PCI_BARS))
        bars_follow(bus);
    if (function->ops && function->ops->written)
        function->ops->written(function, offset, width);
}
