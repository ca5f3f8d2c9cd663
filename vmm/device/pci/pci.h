/* SPDX-License-Identifier: MIT */
/*
 * A PCI bus: one host bridge at 00:00.0 and up to 31 further devices of one function each.
 *
 * Source: PCI Local Bus Specification 3.0, chapter 6 (configuration space) and 3.2.5 (decoding).
 *
 * Protocol: pci_bus_init; for each device pci_function_init, then its BARs and capabilities; pci_bus_assign, which does
 * what firmware would do: it gives each BAR its place in the window [PCI_WINDOW_BASE, PCI_WINDOW_END) and switches memory
 * decoding on. The guest reads and writes configuration space by ../pci_config.
 *
 * A configuration space is two arrays of bytes: what is read, and which bits the guest may write. A write goes through
 * the mask; then what hangs on it follows (BARs move in the MMIO bus), and the device is told.
 *
 * Invariant: a BAR is a window of the MMIO bus exactly while COMMAND has memory decoding on, and lies where the BAR says;
 * where it would overlap another device, it is nowhere.
 *
 * INTx# is not there (interrupt pin 0): devices have MSI-X (msix.h).
 */
#ifndef VMM_DEVICE_PCI_PCI_H
#define VMM_DEVICE_PCI_PCI_H

#include "lib/base/status.h"
#include "vmm/device/bus.h"

#define PCI_DEVICES     32u
#define PCI_CONFIG_SIZE 256u
#define PCI_BARS        6u

/* Of vmm/firmware/dsdt.asl, too: from above the guest's low RAM to the I/O APIC. */
#define PCI_WINDOW_BASE 0xe0000000u
#define PCI_WINDOW_END  0xfec00000u

/* Offsets in configuration space (6.1, type 0). */
enum pci_register {
    PCI_VENDOR = 0x00,
    PCI_DEVICE = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08, /* and the class code in the three bytes above */
    PCI_BAR0 = 0x10,
    PCI_SUBSYSTEM_VENDOR = 0x2c,
    PCI_SUBSYSTEM = 0x2e,
    PCI_CAPABILITIES = 0x34,
    PCI_CAPABILITY_FIRST = 0x40,
};

#define PCI_COMMAND_MEMORY       (1u << 1)
#define PCI_COMMAND_MASTER       (1u << 2)
#define PCI_COMMAND_INTX_DISABLE (1u << 10)
#define PCI_STATUS_CAPABILITIES  (1u << 4)

struct pci_function;

/* Optional: `refresh` before the guest reads configuration space, `written` after it has written it. */
struct pci_function_ops {
    void (*refresh)(struct pci_function *function, unsigned offset, unsigned width);
    void (*written)(struct pci_function *function, unsigned offset, unsigned width);
};

struct pci_identity {
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint32_t class_code; /* base class, subclass, interface */
    uint8_t revision;
};

/* A 32-bit memory BAR. */
struct pci_bar {
    uint32_t size; /* bytes, 0: absent */
    uint32_t base; /* where the window is */
    bool placed;
    unsigned window; /* of the MMIO bus */
};

struct pci_bus;

struct pci_function {
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE];
    struct pci_bar bar[PCI_BARS];
    struct pci_bus *bus;
    const struct pci_function_ops *ops;
    unsigned capability_last, capability_next; /* offsets */
};

struct pci_bus {
    struct mmio_bus *mmio;
    struct pci_function bridge;
    struct pci_function *function[PCI_DEVICES]; /* by device number */
    unsigned devices;
};

void pci_bus_init(struct pci_bus *bus, struct mmio_bus *mmio);

/* The next free device. ERR_OVERFLOW: the bus is full. `function` must stay where it is; `ops` is lent for ever. */
[[nodiscard]] enum status pci_function_init(struct pci_function *function, struct pci_bus *bus,
                                            const struct pci_identity *identity,
                                            const struct pci_function_ops *ops);

/* `size` is a power of two, at least 16; `name`, `widths`, `ops` and `device` are as for mmio_bus_claim. ERR_OVERFLOW: the
   MMIO bus has no more windows. */
struct pci_bar_options {
    unsigned index;
    uint32_t size, widths;
    const char *name;
    const struct device_ops *ops;
    void *device;
};
[[nodiscard]] enum status pci_bar_add(struct pci_function *function, const struct pci_bar_options *options);

/* Appends a capability (6.7) of `size` bytes, of which the first two are filled in here; returns its offset. It must fit. */
unsigned pci_capability_add(struct pci_function *function, uint8_t id, unsigned size);

/* Gives each BAR a place. ERR_OVERFLOW: the window is too small. */
[[nodiscard]] enum status pci_bus_assign(struct pci_bus *bus);

/* Configuration cycles of the guest: width 1, 2 or 4, not across a dword. Where no device is: ones. */
uint32_t pci_bus_read(struct pci_bus *bus, unsigned device, unsigned offset, unsigned width);
void pci_bus_write(struct pci_bus *bus, unsigned device, unsigned offset, unsigned width, uint32_t value);

/* The device's own view of its configuration space. */
uint32_t pci_get(const struct pci_function *function, unsigned offset, unsigned width);
void pci_set(struct pci_function *function, unsigned offset, unsigned width, uint32_t value);

/* May the function send messages and reach memory? */
static inline bool pci_is_master(const struct pci_function *function)
{
    return function->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

/* Does [offset, offset + width) touch [start, start + size)? */
static inline bool pci_touches(unsigned offset, unsigned width, unsigned start, unsigned size)
{
    return offset < start + size && start < offset + width;
}

#endif
