/* SPDX-License-Identifier: MIT */
/* The fake segment, see fake.h. */
#include "lib/pci/test/fake.h"

#include <string.h>

static struct fake_function *find(const struct pci_access *access, uint16_t address)
{
    struct fake_segment *segment = (struct fake_segment *)access;

    for (unsigned i = 0; i < segment->count; i++)
        if (segment->functions[i].address == address)
            return &segment->functions[i];
    return NULL;
}

static bool legal(const struct pci_access *access, unsigned offset, unsigned width)
{
    bool good = (width == 1 || width == 2 || width == 4) && offset % width == 0 && offset < access->size;

    ((struct fake_segment *)access)->misaligned += !good;
    return good;
}

static uint32_t fake_read(const struct pci_access *access, uint16_t address, unsigned offset, unsigned width)
{
    const struct fake_function *function = find(access, address);

    if (!legal(access, offset, width) || !function)
        return UINT32_MAX >> (32 - width * 8);
    return fake_get(function, offset, width);
}

static void reset(struct fake_function *function)
{
    fake_set(function, PCI_COMMAND, 2, 0);
    for (unsigned i = 0; i < PCI_BARS; i++)
        for (unsigned byte = 0; byte < 4; byte++) {
            unsigned at = PCI_BASE_ADDRESS + i * 4 + byte;

            function->space[at] &= (uint8_t)~function->writable[at];
        }
    function->resets++;
}

static void fake_write(const struct pci_access *access, uint16_t address, unsigned offset, unsigned width,
                       uint32_t value)
{
    struct fake_function *function = find(access, address);

    if (!legal(access, offset, width) || !function)
        return;
    if (offset >= PCI_BASE_ADDRESS && offset < PCI_BASE_ADDRESS + 4 * PCI_BARS && value == UINT32_MAX &&
        fake_get(function, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY)
        function->decoded_while_measured = true;
    for (unsigned i = 0; i < width; i++) {
        uint8_t mask = function->writable[offset + i], byte = (uint8_t)(value >> 8 * i);

        function->space[offset + i] = (uint8_t)((function->space[offset + i] & ~mask) | (byte & mask));
        if (function->flr_offset == offset + i && function->flr_offset && byte & function->flr_bit)
            reset(function);
    }
}

void fake_init(struct fake_segment *segment)
{
    memset(segment, 0, sizeof(*segment));
    segment->access = (struct pci_access){
        .read = fake_read, .write = fake_write, .size = PCI_CONFIG_SIZE, .last_bus = PCI_BUSES - 1};
}

struct fake_function *fake_add(struct fake_segment *segment, uint16_t address, uint16_t vendor,
                               uint16_t device, uint32_t class_code)
{
    struct fake_function *function = &segment->functions[segment->count++];

    function->address = address;
    fake_set(function, PCI_VENDOR_ID, 2, vendor);
    fake_set(function, PCI_DEVICE_ID, 2, device);
    fake_set(function, PCI_REVISION_ID, 4, class_code << 8);
    fake_set_writable(function, PCI_COMMAND, 2, 0x0547);
    fake_set_writable(function, PCI_INTERRUPT_LINE, 1, 0xff);
    return function;
}

struct fake_function *fake_add_bridge(struct fake_segment *segment, uint16_t address, uint8_t secondary)
{
    struct fake_function *bridge = fake_add(segment, address, 0x1b36, 0x000c, 0x060400);

    fake_set(bridge, PCI_HEADER_TYPE, 1, PCI_HEADER_BRIDGE);
    fake_set(bridge, PCI_BUS_SECONDARY, 1, secondary);
    return bridge;
}

void fake_set(struct fake_function *function, unsigned offset, unsigned width, uint32_t value)
{
    for (unsigned i = 0; i < width; i++)
        function->space[offset + i] = (uint8_t)(value >> 8 * i);
}

void fake_set_writable(struct fake_function *function, unsigned offset, unsigned width, uint32_t mask)
{
    for (unsigned i = 0; i < width; i++)
        function->writable[offset + i] = (uint8_t)(mask >> 8 * i);
}

uint32_t fake_get(const struct fake_function *function, unsigned offset, unsigned width)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < width; i++)
        value |= (uint32_t)function->space[offset + i] << 8 * i;
    return value;
}

void fake_bar(struct fake_function *function, unsigned index, uint64_t address, uint64_t size, bool wide)
{
    unsigned at = PCI_BASE_ADDRESS + index * 4;
    uint64_t mask = ~(size - 1);

    fake_set(function, at, 4, (uint32_t)address | (wide ? 4u : 0u));
    fake_set_writable(function, at, 4, (uint32_t)mask & ~15u);
    if (wide) {
        fake_set(function, at + 4, 4, (uint32_t)(address >> 32));
        fake_set_writable(function, at + 4, 4, (uint32_t)(mask >> 32));
    }
}

void fake_capability(struct fake_function *function, unsigned offset, uint8_t id)
{
    fake_set(function, offset, 1, id);
    fake_set(function, offset + 1, 1, fake_get(function, PCI_CAPABILITIES, 1));
    fake_set(function, PCI_CAPABILITIES, 1, offset);
    fake_set(function, PCI_STATUS, 2, fake_get(function, PCI_STATUS, 2) | PCI_STATUS_CAPABILITIES);
}

struct pci_function fake_at(const struct fake_segment *segment, const struct fake_function *function)
{
    return (struct pci_function){&segment->access, function->address};
}
