/* SPDX-License-Identifier: MIT */
/* Capability lists. A device's list may be a loop: no list is longer than there is room for. */
#include "lib/pci/pci.h"

#define FIRST_POSSIBLE    0x40u /* behind the header */
#define LEGACY_ENTRIES    ((PCI_CONFIG_LEGACY - FIRST_POSSIBLE) / 4)
#define EXTENDED_ENTRIES  ((PCI_CONFIG_SIZE - PCI_EXTENDED_CAPABILITIES) / 4)
#define EXTENDED_ID(head) ((head)&0xffff)

unsigned pci_capability_number(struct pci_function function, enum pci_capability_id id, unsigned number)
{
    if (!(pci_read(function, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES))
        return 0;
    unsigned at = pci_read(function, PCI_CAPABILITIES, 1) & ~3u;

    for (unsigned i = 0; i < LEGACY_ENTRIES && at >= FIRST_POSSIBLE; i++) {
        uint32_t head = pci_read(function, at, 2);

        if ((head & 0xff) == (unsigned)id && number-- == 0)
            return at;
        at = head >> 8 & ~3u;
    }
    return 0;
}

unsigned pci_capability(struct pci_function function, enum pci_capability_id id)
{
    return pci_capability_number(function, id, 0);
}

unsigned pci_extended_capability(struct pci_function function, unsigned id)
{
    unsigned at = PCI_EXTENDED_CAPABILITIES;

    if (function.access->size < PCI_CONFIG_SIZE)
        return 0;
    for (unsigned i = 0; i < EXTENDED_ENTRIES && at >= PCI_EXTENDED_CAPABILITIES; i++) {
        uint32_t head = pci_read(function, at, 4);

        if (head == 0 || head == UINT32_MAX)
            return 0;
        if (EXTENDED_ID(head) == id)
            return at;
        at = head >> 20 & ~3u;
    }
    return 0;
}
