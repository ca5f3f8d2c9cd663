/* SPDX-License-Identifier: MIT */
/*
 * PCI without hardware: how configuration space is laid out, and what one does with it.
 *
 * Configuration space is reached through struct pci_access, so everything here runs natively against a fake device. What a
 * device says is not trusted: lists are walked with a bound, offsets stay inside configuration space, sizes are powers of two
 * or absent.
 *
 * PCI Local Bus Specification 3.0, chapter 6 (header, base addresses, capability lists, MSI, MSI-X); PCI Express Base
 * Specification 4.0, chapter 7 (extended capabilities, Device Control), 6.6.2 (function-level reset); PCI-to-PCI Bridge
 * Architecture Specification 1.2, chapter 3; Advanced Capabilities for Conventional PCI ECN (function-level reset).
 */
#ifndef LIB_PCI_PCI_H
#define LIB_PCI_PCI_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define PCI_BARS          6u
#define PCI_CONFIG_LEGACY 256u  /* what configuration mechanism #1 reaches */
#define PCI_CONFIG_SIZE   4096u /* what ECAM reaches */
#define PCI_BUSES         256u
#define PCI_NO_VENDOR     0xffffu

/* Byte offsets of the header's registers. */
enum pci_register {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION_ID = 0x08, /* the class code is the 3 bytes behind it */
    PCI_HEADER_TYPE = 0x0e,
    PCI_BASE_ADDRESS = 0x10,
    PCI_BUS_SECONDARY = 0x19,   /* bridges */
    PCI_BUS_SUBORDINATE = 0x1a, /* bridges */
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
    PCI_EXTENDED_CAPABILITIES = 0x100,
};

enum pci_bit {
    PCI_COMMAND_IO = 1u << 0,
    PCI_COMMAND_MEMORY = 1u << 1,
    PCI_COMMAND_MASTER = 1u << 2,
    PCI_COMMAND_INTX_DISABLE = 1u << 10,
    PCI_STATUS_CAPABILITIES = 1u << 4,
    PCI_HEADER_BRIDGE = 1u, /* of the low seven bits */
    PCI_HEADER_TYPE_MASK = 0x7f,
    PCI_HEADER_MULTIFUNCTION = 1u << 7,
};

enum pci_capability_id {
    PCI_CAP_MSI = 0x05,
    PCI_CAP_VENDOR = 0x09,
    PCI_CAP_EXPRESS = 0x10,
    PCI_CAP_MSIX = 0x11,
    PCI_CAP_ADVANCED = 0x13,
};

/* Configuration space of the functions on some buses. Width is 1, 2 or 4, offsets are multiples of it. Registers of
   functions that do not exist read as all ones. */
struct pci_access {
    uint32_t (*read)(const struct pci_access *access, uint16_t address, unsigned offset, unsigned width);
    void (*write)(const struct pci_access *access, uint16_t address, unsigned offset, unsigned width,
                  uint32_t value);
    unsigned size; /* PCI_CONFIG_LEGACY or PCI_CONFIG_SIZE */
    uint16_t segment;
    uint8_t first_bus, last_bus;
};

struct pci_function {
    const struct pci_access *access;
    uint16_t address; /* bus << 8 | device << 3 | function */
};

static inline uint16_t pci_address(unsigned bus, unsigned device, unsigned function)
{
    return (uint16_t)(bus << 8 | device << 3 | function);
}

static inline unsigned pci_bus(uint16_t address)
{
    return address >> 8;
}

static inline unsigned pci_device_number(uint16_t address)
{
    return address >> 3 & 31;
}

static inline unsigned pci_function_number(uint16_t address)
{
    return address & 7;
}

static inline uint32_t pci_read(struct pci_function function, unsigned offset, unsigned width)
{
    return function.access->read(function.access, function.address, offset, width);
}

static inline void pci_write(struct pci_function function, unsigned offset, unsigned width, uint32_t value)
{
    function.access->write(function.access, function.address, offset, width, value);
}

/* ---- capabilities (capability.c) ---- */

/* The offset of the first capability of this kind, 0 if there is none. */
unsigned pci_capability(struct pci_function function, enum pci_capability_id id);
/* Of several of the kind the one behind `number` others. */
unsigned pci_capability_number(struct pci_function function, enum pci_capability_id id, unsigned number);
unsigned pci_extended_capability(struct pci_function function, unsigned id);

/* ---- base address registers (bar.c) ---- */

struct pci_bar {
    uint64_t address; /* 0: nobody has assigned one */
    uint64_t size;    /* 0: there is no such register */
    bool ports;       /* I/O ports */
    bool wide;        /* 64 bits: takes the next register, too */
};

/* Measures the first `count` registers. The function answers nobody meanwhile; its registers are as before afterwards. */
void pci_bars_measure(struct pci_function function, unsigned count, struct pci_bar *bars);

/* Decoding of memory, and bus mastering. */
void pci_command_change(struct pci_function function, uint16_t clear, uint16_t set);

/* ---- interrupts (msi.c) ---- */

struct pci_msi {
    unsigned offset; /* 0: the function has none */
    bool wide;       /* 64-bit addresses */
    bool maskable;
};

struct pci_msix {
    unsigned offset; /* 0: the function has none */
    unsigned count;
    unsigned table_bar;
    uint64_t table_offset; /* bytes in that register's range */
};

#define PCI_MSIX_ENTRY_SIZE 16u

struct pci_msi pci_msi_find(struct pci_function function);

/* One vector. The address must fit if the function's is narrow: ERR_RANGE. */
[[nodiscard]] enum status pci_msi_enable(struct pci_function function, const struct pci_msi *msi,
                                         uint64_t address, uint32_t data);
void pci_msi_disable(struct pci_function function, const struct pci_msi *msi);

/* With the function's registers as measured. A table that does not lie inside its register's range is none. */
struct pci_msix pci_msix_find(struct pci_function function, const struct pci_bar bars[PCI_BARS]);
void pci_msix_enable(struct pci_function function, const struct pci_msix *msix);

/* No message is sent. MSI-X stays enabled, since the device may just be about to send one and expect it to be (QEMU's e1000e
   aborts the emulator otherwise). */
void pci_msix_mask(struct pci_function function, const struct pci_msix *msix);

/* The table is memory of the function. An entry is written masked, then unmasked. */
void pci_msix_entry_set(volatile uint32_t *table, unsigned index, uint64_t address, uint32_t data);
void pci_msix_entry_mask(volatile uint32_t *table, unsigned index);

/* ---- stopping (reset.c) ---- */

/* How long a function may take before it answers again (PCIe 6.6.2). */
#define PCI_RESET_NS 100000000ull

/* What a reset loses. */
struct pci_saved {
    uint32_t bar[PCI_BARS];
    uint16_t command;
    uint8_t interrupt_line;
};

void pci_save(struct pci_function function, struct pci_saved *out);

/* Bus mastering stays off, and so does the interrupt line. */
void pci_restore(struct pci_function function, const struct pci_saved *saved);

bool pci_reset_possible(struct pci_function function);

/* Begins a function-level reset. ERR_UNSUPPORTED: it has none. Its registers must not be touched for PCI_RESET_NS; then
   pci_restore(). */
[[nodiscard]] enum status pci_reset_begin(struct pci_function function);

/* ---- enumeration (enumerate.c) ---- */

struct pci_node {
    struct pci_function at;
    const struct pci_node *parent_opt; /* the bridge before its bus; NULL: on a root bus */
    uint16_t vendor, device;
    uint32_t class_code;   /* class << 16 | subclass << 8 | programming interface */
    uint8_t header;        /* type, without the multifunction bit */
    uint8_t secondary_bus; /* bridges; 0: not configured */
    uint8_t express;       /* 1: has a PCI Express capability */
    uint8_t express_type;  /* its Device/Port Type (PCIe 7.5.3.2) */
};

enum pci_express_type {
    PCI_EXPRESS_TO_CONVENTIONAL = 7, /* PCI Express to PCI/PCI-X bridge */
};

/* Finds all functions behind access->first_bus, bridge by bridge; a parent is before its children. No bus is visited twice,
   whatever bridges say. Returns how many there are: more than `room` if some did not fit. */
unsigned pci_enumerate(const struct pci_access *access, struct pci_node *nodes, unsigned room);

/*
 * The address under which a function's DMA reaches an IOMMU: bridges to conventional buses forward with an address
 * of their own (PCI Express to PCI/PCI-X Bridge Specification 1.0, 2.3; VT-d 3.4.1).
 */
uint16_t pci_requester(const struct pci_node *node);

#endif
