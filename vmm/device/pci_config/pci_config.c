/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration mechanism #1; see pci_config.h.
 */
#include "vmm/device/pci_config/pci_config.h"

#define CONFIG_ADDRESS      0
#define RST_CNT             1          /* 0xCF9, inside CONFIG_ADDRESS */
#define CONFIG_ADDRESS_MASK 0x80fffffc /* enable, bus, device, function, register; the rest reads 0 */

void pci_config_init(struct pci_config *pci, struct reset *reset)
{
    pci->address = 0;
    pci->reset = reset;
}

uint64_t pci_config_read(struct pci_config *pci, uint64_t offset, unsigned width)
{
    if (offset == CONFIG_ADDRESS && width == 4)
        return pci->address;
    if (offset == RST_CNT && width == 1)
        return reset_read(pci->reset, 0, width);
    return device_ones(width);
}

void pci_config_write(struct pci_config *pci, uint64_t offset, unsigned width, uint64_t value)
{
    if (offset == CONFIG_ADDRESS && width == 4)
        pci->address = (uint32_t)value & CONFIG_ADDRESS_MASK;
    else if (offset == RST_CNT && width == 1)
        reset_write(pci->reset, 0, width, value);
}

DEVICE_OPS(pci_config, struct pci_config);
