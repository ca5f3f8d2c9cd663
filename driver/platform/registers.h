/* SPDX-License-Identifier: MIT */
/*
 * How this machine's configuration space is reached: as memory (ECAM, one window a segment, mapped bus by bus as it is
 * needed), or by ports CF8 and CFC (configuration mechanism #1; PCI 3.0, 3.2.2.3.2).
 */
#ifndef DRIVER_PLATFORM_REGISTERS_H
#define DRIVER_PLATFORM_REGISTERS_H

#include "lib/acpi_table/acpi_table.h"
#include "lib/base/status.h"
#include "lib/pci/pci.h"

/* Both live as long as the component. */
[[nodiscard]] enum status registers_ecam(const struct acpi_ecam *ecam, const struct pci_access **out);
[[nodiscard]] enum status registers_ports(const struct pci_access **out);

/* The physical address of a function's configuration space; 0: it is not memory. */
uint64_t registers_physical(struct pci_function function);

/* A range of device memory, attached; for the life of the component if `connection_opt` is NULL. */
struct connection;
[[nodiscard]] enum status registers_map(uint64_t base, uint64_t size, struct connection *connection_opt,
                                        volatile void **out);

#endif
