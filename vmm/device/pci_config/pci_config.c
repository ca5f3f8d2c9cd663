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
#define CONFIG_FUNCTION     0x00ffff00 /* bus, device, function */
#define CONFIG_REGISTER     0x000000fc

/* The host bridge's registers that are not 0. */
#define REGISTER_ID    0x00
#define REGISTER_CLASS 0x08
#define BRIDGE_ID      0x0d578086 /* Intel, virtual host bridge */
#define BRIDGE_CLASS   0x06000000 /* bridge, host */

void pci_config_init(struct pci_config *pci, struct reset *reset)
{
    pci->address = 0;
    pci->reset = reset;
}

/* The dword that CONFIG_ADDRESS selects: function 00:00.0 answers, every other cycle ends in a master abort. */
static uint32_t selected(const struct pci_config *pci)
{
    if (!(pci->address & CONFIG_ENABLE) || pci->address & CONFIG_FUNCTION)
        return UINT32_MAX;
    uint32_t number = pci->address & CONFIG_REGISTER;

    return number == REGISTER_ID ? BRIDGE_ID : number == REGISTER_CLASS ? BRIDGE_CLASS : 0;
}

uint64_t pci_config_read(struct pci_config *pci, uint64_t offset, unsigned width)
{
    if (offset == CONFIG_ADDRESS && width == 4)
        return pci->address;
    if (offset == RST_CNT && width == 1)
        return reset_read(pci->reset, 0, width);
    if (offset >= CONFIG_DATA)
        return selected(pci) >> 8 * (offset - CONFIG_DATA) & device_ones(width);
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
