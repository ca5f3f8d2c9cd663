/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration mechanism #1; see pci_config.h.
 */
#include "vmm/device/pci_config/pci_config.h"

#define CONFIG_ADDRESS      0
#define CONFIG_DATA         4
#define RST_CNT             1          /* 0xCF9, inside CONFIG_ADDRESS */
#define CONFIG_ADDRESS_MASK 0x80fffffc /* enable, bus, device, function, register; the rest reads 0 */
#define CONFIG_ENABLE       0x80000000
#define CONFIG_BUS_FUNCTION 0x00ff0700 /* both must be 0 */
#define CONFIG_DEVICE_SHIFT 11
#define CONFIG_REGISTER     0x000000fc

void pci_config_init(struct pci_config *pci, struct pci_bus *bus, struct reset *reset)
{
    pci->address = 0;
    pci->bus = bus;
    pci->reset = reset;
}

static bool selects(const struct pci_config *pci)
{
    return (pci->address & (CONFIG_ENABLE | CONFIG_BUS_FUNCTION)) == CONFIG_ENABLE;
}

static unsigned device(const struct pci_config *pci)
{
    return pci->address >> CONFIG_DEVICE_SHIFT & (PCI_DEVICES - 1);
}

/* `offset` is of CONFIG_DATA or above: its low bits choose bytes of the dword. */
static unsigned place(const struct pci_config *pci, uint64_t offset)
{
    return (pci->address & CONFIG_REGISTER) + (unsigned)offset - CONFIG_DATA;
}

uint64_t pci_config_read(struct pci_config *pci, uint64_t offset, unsigned width)
{
    if (offset == CONFIG_ADDRESS && width == 4)
        return pci->address;
    if (offset == RST_CNT && width == 1)
        return reset_read(pci->reset, 0, width);
    if (offset >= CONFIG_DATA && selects(pci))
        return pci_bus_read(pci->bus, device(pci), place(pci, offset), width) & device_ones(width);
    return device_ones(width);
}

void pci_config_write(struct pci_config *pci, uint64_t offset, unsigned width, uint64_t value)
{
    if (offset == CONFIG_ADDRESS && width == 4)
        pci->address = (uint32_t)value & CONFIG_ADDRESS_MASK;
    else if (offset == RST_CNT && width == 1)
        reset_write(pci->reset, 0, width, value);
    else if (offset >= CONFIG_DATA && selects(pci))
        pci_bus_write(pci->bus, device(pci), place(pci, offset), width, (uint32_t)value);
}

DEVICE_OPS(pci_config, struct pci_config);
