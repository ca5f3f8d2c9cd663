/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration mechanism #1: the two registers by which a guest reaches the configuration space of ../pci.
 *
 * Source: PCI Local Bus Specification 3.0, 3.2.2.3.2 "Software Generation of Configuration Transactions".
 * CONFIG_ADDRESS (0xCF8) is written and read back by aligned dword accesses only; anything else there is
 * ordinary I/O, of which byte accesses to 0xCF9 go to the reset register. CONFIG_DATA (0xCFC) reads ones
 * unless it is a device of bus 0 that is addressed, function 0: with the enable bit because the transaction ends in a
 * master abort, without it because nobody answers those ports.
 */
#ifndef VMM_DEVICE_PCI_CONFIG_PCI_CONFIG_H
#define VMM_DEVICE_PCI_CONFIG_PCI_CONFIG_H

#include "vmm/device/device.h"
#include "vmm/device/pci/pci.h"
#include "vmm/device/reset/reset.h"

struct pci_config {
    uint32_t address;
    struct pci_bus *bus;
    struct reset *reset;
};

void pci_config_init(struct pci_config *pci, struct pci_bus *bus, struct reset *reset);

/* Ports 0xCF8-0xCFF, all widths. */
uint64_t pci_config_read(struct pci_config *pci, uint64_t offset, unsigned width);
void pci_config_write(struct pci_config *pci, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops pci_config_ops;

#endif
