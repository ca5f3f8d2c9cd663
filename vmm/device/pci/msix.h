/* SPDX-License-Identifier: MIT */
/*
 * MSI-X: a table of messages in one of the function's BARs, a bit for each that waits, and a capability.
 *
 * Source: PCI Local Bus Specification 3.0, 6.8.2; the message's meaning: Intel SDM volume 3A, "Message Signalled Interrupts"
 * (10.11 in editions up to 2022, 11.11 later).
 *
 * A vector is sent by msix_send. It waits as its bit of the pending array while the vector or the function is masked, or the
 * function is no bus master, and goes out when that ends. While MSI-X is off it is lost: there is no INTx# instead.
 */
#ifndef VMM_DEVICE_PCI_MSIX_H
#define VMM_DEVICE_PCI_MSIX_H

#include "vmm/device/apic_bus.h"
#include "vmm/device/pci/pci.h"

#define MSIX_VECTORS_MAX 64u /* as many as the pending array has in its first quadword */
#define MSIX_ENTRY_SIZE  16u

/* Dwords of a table entry. */
enum msix_field { MSIX_ADDRESS_LOW, MSIX_ADDRESS_HIGH, MSIX_DATA, MSIX_CONTROL, MSIX_FIELDS };

struct msix {
    struct pci_function *function;
    struct apic_bus *apics;
    unsigned capability; /* offset in configuration space */
    unsigned vectors;
    uint64_t pending; /* bit n: vector n waits */
    uint32_t table[MSIX_VECTORS_MAX][MSIX_FIELDS];
};

struct msix_options {
    unsigned vectors;                      /* 1 to MSIX_VECTORS_MAX */
    unsigned bar;                          /* of both */
    uint32_t table_offset, pending_offset; /* multiples of 8 */
};

/* Adds the capability to `function`. All vectors are masked. */
void msix_init(struct msix *msix, struct pci_function *function, struct apic_bus *apics,
               const struct msix_options *options);

bool msix_enabled(const struct msix *msix);

/* A vector that does not exist is ignored: which one it is, a guest says. */
void msix_send(struct msix *msix, unsigned vector);

/* For the function's `written`: what a mask or COMMAND held back may go. */
void msix_written(struct msix *msix, unsigned offset, unsigned width);

/* Offsets in table and pending array; aligned accesses of 4 or 8 bytes (6.8.2). */
uint64_t msix_table_read(const struct msix *msix, uint64_t offset, unsigned width);
void msix_table_write(struct msix *msix, uint64_t offset, unsigned width, uint64_t value);
uint64_t msix_pending_read(const struct msix *msix, uint64_t offset, unsigned width);

#endif
