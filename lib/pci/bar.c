/* SPDX-License-Identifier: MIT */
/* Base address registers (PCI 3.0, 6.2.5.1): the bits that cannot be set tell the size. */
#include "lib/pci/pci.h"

enum {
    BAR_PORTS = 1u << 0,
    BAR_WIDE = 2u << 1, /* type, bits 1 and 2 */
    BAR_TYPE = 3u << 1,
    BAR_PORT_FLAGS = 3u,
    BAR_MEMORY_FLAGS = 15u,
};

void pci_command_change(struct pci_function function, uint16_t clear, uint16_t set)
{
    uint32_t command = pci_read(function, PCI_COMMAND, 2);

    pci_write(function, PCI_COMMAND, 2, (command & ~(uint32_t)clear) | set);
}

/* The bits that keep a one. */
static uint32_t probe(struct pci_function function, unsigned offset, uint32_t before)
{
    pci_write(function, offset, 4, UINT32_MAX);
    uint32_t kept = pci_read(function, offset, 4);

    pci_write(function, offset, 4, before);
    return kept;
}

static uint64_t size_of(uint64_t kept)
{
    return kept & -kept; /* the lowest bit that can be set */
}

static struct pci_bar measure_one(struct pci_function function, unsigned offset, bool next_usable)
{
    uint32_t low = pci_read(function, offset, 4);

    if (low & BAR_PORTS) {
        uint32_t kept = probe(function, offset, low) & ~(uint32_t)BAR_PORT_FLAGS;

        return (struct pci_bar){low & ~(uint32_t)BAR_PORT_FLAGS, size_of(kept & 0xffff), true, false};
    }
    uint64_t kept = probe(function, offset, low) & ~(uint32_t)BAR_MEMORY_FLAGS;
    uint64_t address = low & ~(uint32_t)BAR_MEMORY_FLAGS;

    if ((low & BAR_TYPE) != BAR_WIDE || !next_usable)
        return (struct pci_bar){address, size_of(kept), false, false};
    uint32_t high = pci_read(function, offset + 4, 4);

    kept |= (uint64_t)probe(function, offset + 4, high) << 32;
    return (struct pci_bar){(uint64_t)high << 32 | address, size_of(kept), false, true};
}

void pci_bars_measure(struct pci_function function, unsigned count, struct pci_bar *bars)
{
    uint32_t command = pci_read(function, PCI_COMMAND, 2);

    pci_write(function, PCI_COMMAND, 2,
              command & ~(uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
    for (unsigned i = 0; i < count; i++) {
        bars[i] = measure_one(function, PCI_BASE_ADDRESS + i * 4, i + 1 < count);
        if (bars[i].wide)
            bars[++i] = (struct pci_bar){0};
    }
    pci_write(function, PCI_COMMAND, 2, command);
}
