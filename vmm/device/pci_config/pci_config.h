/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration mechanism #1, and the one function of the bus: an empty host bridge at 00:00.0, by which a guest
 * knows that there is a PCI bus and that it need not look for other mechanisms.
 *
 * Source: PCI Local Bus Specification 3.0, 3.2.2.3.2 "Software Generation of Configuration Transactions".
 * CONFIG_ADDRESS (0xCF8) is written and read back by aligned dword accesses only; anything else there is
 * ordinary I/O, of which byte accesses to 0xCF9 go to the reset register. CONFIG_DATA (0xCFC) reads ones
 * unless it is the bridge that is addressed: with the enable bit because the transaction ends in a master abort,
 * without it because nobody answers those ports. The bridge has identification and class; its other registers are 0
 * and take no writes.
 */
#ifndef VMM_DEVICE_PCI_CONFIG_PCI_CONFIG_H
#define VMM_DEVICE_PCI_CONFIG_PCI_CONFIG_H

#include "vmm/device/device.h"
#include "vmm/device/reset/reset.h"

struct pci_config {
    uint32_t address;
    struct reset *reset;
};

void pci_config_init(struct pci_config *pci, struct reset *reset);

/* Ports 0xCF8-0xCFF, all widths. */
uint64_t pci_config_read(struct pci_config *pci, uint64_t offset, unsigned width);
void pci_config_write(struct pci_config *pci, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops pci_config_ops;

#endif
