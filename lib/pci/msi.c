/* SPDX-License-Identifier: MIT */
/* Interrupts as memory writes: MSI (PCI 3.0, 6.8.1) and MSI-X (6.8.2). */
#include "lib/pci/pci.h"

#include "lib/range/range.h"

enum msi_register {
    MSI_CONTROL = 2,
    MSI_ADDRESS = 4,
    MSI_ADDRESS_HIGH = 8, /* if wide */
    MSI_DATA = 8,         /* 12 if wide */
    MSI_DATA_WIDE = 12,
    MSI_MASK = 12, /* 16 if wide */
    MSI_MASK_WIDE = 16,
};

enum msi_control {
    MSI_ENABLE = 1u << 0,
    MSI_MULTIPLE = 7u << 4, /* vectors in use, as a power of two */
    MSI_WIDE = 1u << 7,
    MSI_MASKABLE = 1u << 8,
};

enum msix_register { MSIX_CONTROL = 2, MSIX_TABLE = 4 };

enum msix_control {
    MSIX_COUNT = 0x7ff, /* less one */
    MSIX_MASK_ALL = 1u << 14,
    MSIX_ENABLE = 1u << 15,
};

enum { ENTRY_ADDRESS = 0, ENTRY_ADDRESS_HIGH = 1, ENTRY_DATA = 2, ENTRY_CONTROL = 3, ENTRY_MASKED = 1 };

static void control_change(struct pci_function function, unsigned offset, uint32_t clear, uint32_t set)
{
    uint32_t control = pci_read(function, offset, 2);

    pci_write(function, offset, 2, (control & ~clear) | set);
}

struct pci_msi pci_msi_find(struct pci_function function)
{
    unsigned at = pci_capability(function, PCI_CAP_MSI);

    if (at == 0 || !range_ok(at, MSI_MASK_WIDE + 4, PCI_CONFIG_LEGACY))
        return (struct pci_msi){0};
    uint32_t control = pci_read(function, at + MSI_CONTROL, 2);

    return (struct pci_msi){at, control & MSI_WIDE, control & MSI_MASKABLE};
}

enum status pci_msi_enable(struct pci_function function, const struct pci_msi *msi, uint64_t address,
                           uint32_t data)
{
    if ((!msi->wide && address > UINT32_MAX) || data > UINT16_MAX)
        return ERR_RANGE;
    pci_msi_disable(function, msi);
    pci_write(function, msi->offset + MSI_ADDRESS, 4, (uint32_t)address);
    if (msi->wide)
        pci_write(function, msi->offset + MSI_ADDRESS_HIGH, 4, (uint32_t)(address >> 32));
    pci_write(function, msi->offset + (msi->wide ? MSI_DATA_WIDE : MSI_DATA), 2, data);
    if (msi->maskable)
        pci_write(function, msi->offset + (msi->wide ? MSI_MASK_WIDE : MSI_MASK), 4, 0);
    control_change(function, msi->offset + MSI_CONTROL, 0, MSI_ENABLE);
    return OK;
}

void pci_msi_disable(struct pci_function function, const struct pci_msi *msi)
{
    control_change(function, msi->offset + MSI_CONTROL, MSI_ENABLE | MSI_MULTIPLE, 0);
}

struct pci_msix pci_msix_find(struct pci_function function, const struct pci_bar bars[PCI_BARS])
{
    unsigned at = pci_capability(function, PCI_CAP_MSIX);

    if (at == 0 || !range_ok(at, MSIX_TABLE + 8, PCI_CONFIG_LEGACY))
        return (struct pci_msix){0};
    uint32_t table = pci_read(function, at + MSIX_TABLE, 4);
    struct pci_msix msix = {
        .offset = at,
        .count = (pci_read(function, at + MSIX_CONTROL, 2) & MSIX_COUNT) + 1,
        .table_bar = table & 7,
        .table_offset = table & ~7u,
    };

    if (msix.table_bar >= PCI_BARS || bars[msix.table_bar].ports || bars[msix.table_bar].address == 0 ||
        !range_ok(msix.table_offset, (uint64_t)msix.count * PCI_MSIX_ENTRY_SIZE, bars[msix.table_bar].size))
        return (struct pci_msix){0};
    return msix;
}

void pci_msix_enable(struct pci_function function, const struct pci_msix *msix)
{
    control_change(function, msix->offset + MSIX_CONTROL, MSIX_MASK_ALL, MSIX_ENABLE);
}

void pci_msix_mask(struct pci_function function, const struct pci_msix *msix)
{
    control_change(function, msix->offset + MSIX_CONTROL, 0, MSIX_MASK_ALL);
}

void pci_msix_entry_set(volatile uint32_t *table, unsigned index, uint64_t address, uint32_t data)
{
    volatile uint32_t *entry = table + (uint64_t)index * PCI_MSIX_ENTRY_SIZE / 4;

    entry[ENTRY_CONTROL] = ENTRY_MASKED; /* an entry is changed while masked (6.8.2) */
    entry[ENTRY_ADDRESS] = (uint32_t)address;
    entry[ENTRY_ADDRESS_HIGH] = (uint32_t)(address >> 32);
    entry[ENTRY_DATA] = data;
    entry[ENTRY_CONTROL] = 0;
}

void pci_msix_entry_mask(volatile uint32_t *table, unsigned index)
{
    table[(uint64_t)index * PCI_MSIX_ENTRY_SIZE / 4 + ENTRY_CONTROL] = ENTRY_MASKED;
}
