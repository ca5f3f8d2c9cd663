/* SPDX-License-Identifier: MIT */
/*
 * I/O APIC with 24 inputs.
 *
 * Source: Intel 82093AA I/O APIC datasheet (290566-001), section 3 "Register Description". Version 0x11: no
 * EOI register; EOIs come from the local APICs by broadcast.
 *
 * An edge on a masked input is lost (3.2.4, "Interrupt Mask"). A level input sends a message when it is
 * asserted, unmasked and its remote IRR is clear; the EOI of its vector clears remote IRR and the input is
 * looked at again. Making an entry edge-triggered clears remote IRR, as the chips do and as Linux relies on.
 * INTPOL is stored, but lines are logical levels here.
 */
#ifndef VMM_DEVICE_IOAPIC_IOAPIC_H
#define VMM_DEVICE_IOAPIC_IOAPIC_H

#include "vmm/device/apic_bus.h"
#include "vmm/device/device.h"

#define IOAPIC_BASE 0xfec00000u
#define IOAPIC_SIZE 0x1000u
#define IOAPIC_PINS 24u

struct ioapic {
    struct apic_bus *bus;
    uint64_t entry[IOAPIC_PINS]; /* IOREDTBL */
    uint32_t lines;              /* levels at the inputs */
    uint8_t select;              /* IOREGSEL */
    uint8_t id;
};

void ioapic_init(struct ioapic *ioapic, uint8_t id, struct apic_bus *bus);
void ioapic_set_line(struct ioapic *ioapic, unsigned pin, bool level);
void ioapic_end(struct ioapic *ioapic, uint8_t vector);

uint64_t ioapic_read(struct ioapic *ioapic, uint64_t offset, unsigned width);
void ioapic_write(struct ioapic *ioapic, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops ioapic_ops;

#endif
