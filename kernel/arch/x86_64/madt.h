/* SPDX-License-Identifier: MIT */
/* The firmware's list of processors and interrupt controllers (ACPI 6.5, 5.2.12), as much of it as the kernel uses. Hardware-free. */
#ifndef KERNEL_ARCH_X86_64_MADT_H
#define KERNEL_ARCH_X86_64_MADT_H

#include <stdint.h>

#define MADT_CPUS_MAX 64u
#define IOAPICS_MAX   8u
#define OVERRIDES_MAX 16u

struct madt_ioapic {
    uint64_t address;
    uint32_t gsi_base;
    uint8_t id;
};

struct madt_override {
    uint32_t gsi;
    uint16_t flags; /* MPS INTI flags: polarity 0-1, trigger 2-3 */
};

struct madt {
    uint64_t local_apic;
    uint32_t cpu_count, cpus_omitted; /* that there was room for, and not */
    uint32_t ioapic_count, override_count;
    uint32_t apic_id[MADT_CPUS_MAX]; /* of the CPUs that may be used, each once */
    struct madt_ioapic ioapic[IOAPICS_MAX];
    struct madt_override override[OVERRIDES_MAX];
};

/* Reads `table` of `length` bytes, header included; what it does not say, or all if it is too short, is a PC's. */
void madt_parse(const uint8_t *table, uint32_t length, struct madt *out);

#endif
