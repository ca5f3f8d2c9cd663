/* SPDX-License-Identifier: MIT */
/* Function-level reset, and what has to be put back after one. */
#include "lib/pci/pci.h"

#include "lib/range/range.h"

enum express_register {
    EXPRESS_DEVICE_CAPABILITIES = 4,
    EXPRESS_DEVICE_CONTROL = 8,
    EXPRESS_DEVICE_STATUS = 10
};
enum express_bit { EXPRESS_FLR_CAPABLE = 1u << 28, EXPRESS_FLR = 1u << 15, EXPRESS_PENDING = 1u << 5 };

enum advanced_register { ADVANCED_CAPABILITIES = 3, ADVANCED_CONTROL = 4, ADVANCED_STATUS = 5 };
enum advanced_bit {
    ADVANCED_FLR_CAPABLE = 3u /* with the pending bit */,
    ADVANCED_FLR = 1u,
    ADVANCED_PENDING = 1u
};

/* Transactions under way end within this many looks, or are given up (a reset may lose them then, PCIe 6.6.2). */
#define PENDING_LOOKS 1000u

void pci_save(struct pci_function function, struct pci_saved *out)
{
    for (unsigned i = 0; i < PCI_BARS; i++)
        out->bar[i] = pci_read(function, PCI_BASE_ADDRESS + i * 4, 4);
    out->command = (uint16_t)pci_read(function, PCI_COMMAND, 2);
    out->interrupt_line = (uint8_t)pci_read(function, PCI_INTERRUPT_LINE, 1);
}

void pci_restore(struct pci_function function, const struct pci_saved *saved)
{
    for (unsigned i = 0; i < PCI_BARS; i++)
        pci_write(function, PCI_BASE_ADDRESS + i * 4, 4, saved->bar[i]);
    pci_write(function, PCI_INTERRUPT_LINE, 1, saved->interrupt_line);
    pci_write(function, PCI_COMMAND, 2,
              (saved->command & ~(uint32_t)PCI_COMMAND_MASTER) | PCI_COMMAND_INTX_DISABLE);
}

static unsigned express_reset(struct pci_function function)
{
    unsigned at = pci_capability(function, PCI_CAP_EXPRESS);

    if (at == 0 || !range_ok(at, EXPRESS_DEVICE_STATUS + 2, PCI_CONFIG_LEGACY))
        return 0;
    return pci_read(function, at + EXPRESS_DEVICE_CAPABILITIES, 4) & EXPRESS_FLR_CAPABLE ? at : 0;
}

static unsigned advanced_reset(struct pci_function function)
{
    unsigned at = pci_capability(function, PCI_CAP_ADVANCED);

    if (at == 0 || !range_ok(at, ADVANCED_STATUS + 1, PCI_CONFIG_LEGACY))
        return 0;
    uint32_t has = pci_read(function, at + ADVANCED_CAPABILITIES, 1);

    return (has & ADVANCED_FLR_CAPABLE) == ADVANCED_FLR_CAPABLE ? at : 0;
}

bool pci_reset_possible(struct pci_function function)
{
    return express_reset(function) || advanced_reset(function);
}

static void await_idle(struct pci_function function, unsigned offset, uint32_t pending)
{
    for (unsigned i = 0; i < PENDING_LOOKS && pci_read(function, offset, 1) & pending; i++)
        continue;
}

enum status pci_reset_begin(struct pci_function function)
{
    unsigned at = express_reset(function);

    pci_command_change(function, PCI_COMMAND_MASTER, 0);
    if (at) {
        await_idle(function, at + EXPRESS_DEVICE_STATUS, EXPRESS_PENDING);
        uint32_t control = pci_read(function, at + EXPRESS_DEVICE_CONTROL, 2);

        pci_write(function, at + EXPRESS_DEVICE_CONTROL, 2, control | EXPRESS_FLR);
        return OK;
    }
    at = advanced_reset(function);
    if (at == 0)
        return ERR_UNSUPPORTED;
    await_idle(function, at + ADVANCED_STATUS, ADVANCED_PENDING);
    pci_write(function, at + ADVANCED_CONTROL, 1, ADVANCED_FLR);
    return OK;
}
