/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables of the virtual PC: RSDP, XSDT, FADT, FACS, MADT and the DSDT that is compiled from dsdt.asl.
 */
#ifndef VMM_FIRMWARE_ACPI_H
#define VMM_FIRMWARE_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/status.h"

enum {
    ACPI_CPUS_MAX = 128, /* local APIC ids of one byte, 255 being broadcast */
    /* Layout of the power-management ports behind pm_port: event block, control block, 32-bit timer. */
    ACPI_PM_EVENT = 0,
    ACPI_PM_CONTROL = 4,
    ACPI_PM_COUNTER = 8,
    ACPI_RESET_PORT = 0xcf9,
    ACPI_RESET_VALUE = 6,
};

struct acpi_config {
    unsigned cpu_count; /* local APIC ids 0 .. cpu_count - 1 */
    uint8_t ioapic_id;
    uint8_t sci_irq;  /* ISA interrupt and IOAPIC pin of the SCI; level, active high */
    uint16_t pm_port; /* first of 16 power-management ports */
};

/*
 * Writes all tables to `memory`, which the guest sees at `address` (64-byte aligned). The RSDP comes first.
 * ERR_INVALID: a number in the configuration; ERR_OVERFLOW: `size` bytes are too few.
 */
[[nodiscard]] enum status acpi_write(const struct acpi_config *config, void *memory, uint64_t address,
                                     uint64_t size, uint64_t *used);

#endif
