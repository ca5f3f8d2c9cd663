/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables, read without hardware: which ones the root names, and what MCFG and DMAR say. (The kernel has found the root.)
 *
 * Firmware may write nonsense: everything is checked against the bytes that are there, nothing is trusted but the checksum.
 * A table is given as its bytes, copied once from where the firmware put it; acpi_table_check() comes first, the others then
 * take the table as checked. Lists end where the next entry would not fit.
 *
 * Advanced Configuration and Power Interface Specification 6.4, 5.2.6 to 5.2.8; PCI Firmware Specification 3.2, 4.1.2
 * (MCFG); Intel Virtualization Technology for Directed I/O 3.3, chapter 8 (DMAR).
 */
#ifndef LIB_ACPI_TABLE_ACPI_TABLE_H
#define LIB_ACPI_TABLE_ACPI_TABLE_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define ACPI_HEADER_SIZE 36u
#define ACPI_TABLE_MAX   (1u << 20) /* a longer one is taken for broken */

/* ---- tables ---- */

/* The length that a table's header claims; `size` bytes of it are there. ERR_INVALID: impossible. */
[[nodiscard]] enum status acpi_table_length(const void *bytes, uint64_t size, uint32_t *out);

/* Signature (RSDT, XSDT, MCFG, DMAR), length and checksum. ERR_NOT_FOUND: another table; ERR_INVALID: a broken one. */
[[nodiscard]] enum status acpi_table_check(const void *bytes, uint64_t size, const char *signature);

/* The address of table number `index`; ERR_NOT_FOUND: there are not so many. `root` is a checked RSDT (entries of 4 bytes)
   or XSDT (8). */
[[nodiscard]] enum status acpi_root_entry(const void *root, unsigned index, uint64_t *address);

/* ---- MCFG ---- */

struct acpi_ecam {
    uint64_t base; /* of bus 0's configuration space, even if first_bus is another */
    uint16_t segment;
    uint8_t first_bus, last_bus;
};

/* ERR_NOT_FOUND: there are not so many; ERR_INVALID: this one is nonsense. */
[[nodiscard]] enum status acpi_mcfg_entry(const void *table, unsigned index, struct acpi_ecam *out);

/* ---- DMAR ---- */

/* The machine can remap interrupts (INTR_REMAP). */
bool acpi_dmar_remaps(const void *table);

enum acpi_dmar_type {
    ACPI_DMAR_UNIT = 0,     /* DRHD */
    ACPI_DMAR_RESERVED = 1, /* RMRR */
};

/* One remapping structure. `scope` and `scope_size` are its device scopes, for acpi_dmar_scope(). */
struct acpi_dmar {
    unsigned type;
    uint16_t segment;
    bool all;             /* unit: INCLUDE_PCI_ALL */
    uint64_t base, limit; /* unit: registers, 0; reserved: first and last byte */
    const uint8_t *scope;
    uint64_t scope_size;
};

/*
 * Steps through the structures: *cursor is 0 at first. Types that are not listed above come with `type` only.
 * ERR_NOT_FOUND: no more; ERR_INVALID: the rest cannot be read.
 */
[[nodiscard]] enum status acpi_dmar_next(const void *table, uint64_t *cursor, struct acpi_dmar *out);

enum acpi_scope_type {
    ACPI_SCOPE_ENDPOINT = 1,
    ACPI_SCOPE_BRIDGE = 2, /* and all behind it */
    ACPI_SCOPE_IOAPIC = 3,
};

#define ACPI_SCOPE_PATH_MAX 8u

/* Starts on a bus and leads through bridges to a function. */
struct acpi_scope {
    unsigned type;
    uint8_t id; /* "Enumeration ID": of an I/O APIC the APIC's */
    uint8_t start_bus;
    unsigned length; /* steps; at least 1 */
    uint8_t device[ACPI_SCOPE_PATH_MAX];
    uint8_t function[ACPI_SCOPE_PATH_MAX];
};

/* Steps through a structure's scopes, as above. */
[[nodiscard]] enum status acpi_dmar_scope(const struct acpi_dmar *structure, uint64_t *cursor,
                                          struct acpi_scope *out);

#endif
