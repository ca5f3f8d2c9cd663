/* SPDX-License-Identifier: MIT */
/*
 * Which IOMMU a function is behind, as the DMAR table says (VT-d 8.3, 8.3.1). Hardware-free.
 */
#ifndef DRIVER_PLATFORM_IOMMU_H
#define DRIVER_PLATFORM_IOMMU_H

#include "lib/acpi_table/acpi_table.h"
#include "lib/pci/pci.h"

#include <stdbool.h>
#include <stdint.h>

#define IOMMU_UNITS_MAX 64u

/* Units that do not work are known, too: who is behind one of them is behind no other. */
struct iommu_unit {
    struct acpi_dmar structure; /* its scopes lie in the table */
    bool works;
    bool remaps; /* interrupts, too */
};

/* All functions found, for paths through bridges. */
struct iommu_nodes {
    const struct pci_node *nodes;
    unsigned count;
};

/* True if the scope's path leads to the node, or to a bridge before it. */
bool iommu_scope_covers(const struct acpi_scope *scope, uint16_t segment, struct iommu_nodes all,
                        const struct pci_node *node);

/* The requester that a path leads to. ERR_NOT_FOUND: a bridge is missing, or goes nowhere. */
[[nodiscard]] enum status iommu_scope_address(const struct acpi_scope *scope, uint16_t segment,
                                              struct iommu_nodes all, uint16_t *out);

/* NULL: none that works. A unit that names the function goes before one for all others of the segment; a function that is named
   by nobody may yet be behind a unit whose scopes cannot be read, and then gets none. */
const struct iommu_unit *iommu_unit_of(const struct iommu_unit *units, unsigned count, struct iommu_nodes all,
                                       const struct pci_node *node);

#endif
