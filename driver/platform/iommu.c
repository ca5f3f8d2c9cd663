/* SPDX-License-Identifier: MIT */
/* Device scopes against the tree of functions, see iommu.h. */
#include "driver/platform/iommu.h"

#include <stddef.h>

static const struct pci_node *node_at(struct iommu_nodes all, uint16_t segment, uint16_t address)
{
    for (unsigned i = 0; i < all.count; i++)
        if (all.nodes[i].at.access->segment == segment && all.nodes[i].at.address == address)
            return all.nodes + i;
    return NULL;
}

enum status iommu_scope_address(const struct acpi_scope *scope, uint16_t segment, struct iommu_nodes all,
                                uint16_t *out)
{
    unsigned bus = scope->start_bus;

    for (unsigned i = 0; i + 1 < scope->length; i++) {
        const struct pci_node *bridge =
            node_at(all, segment, pci_address(bus, scope->device[i], scope->function[i]));

        if (!bridge || bridge->secondary_bus == 0)
            return ERR_NOT_FOUND;
        bus = bridge->secondary_bus;
    }
    *out = pci_address(bus, scope->device[scope->length - 1], scope->function[scope->length - 1]);
    return OK;
}

bool iommu_scope_covers(const struct acpi_scope *scope, uint16_t segment, struct iommu_nodes all,
                        const struct pci_node *node)
{
    uint16_t address;

    if (node->at.access->segment != segment || iommu_scope_address(scope, segment, all, &address) != OK)
        return false;
    if (scope->type == ACPI_SCOPE_ENDPOINT)
        return node->at.address == address;
    if (scope->type != ACPI_SCOPE_BRIDGE)
        return false;
    for (const struct pci_node *at = node; at; at = at->parent_opt)
        if (at->at.address == address)
            return true;
    return false;
}

/* ERR_NOT_FOUND: it does not; ERR_INVALID: perhaps it does. */
static enum status unit_names(const struct iommu_unit *unit, struct iommu_nodes all,
                              const struct pci_node *node)
{
    struct acpi_scope scope;
    enum status status;

    for (uint64_t at = 0; (status = acpi_dmar_scope(&unit->structure, &at, &scope)) == OK;)
        if (iommu_scope_covers(&scope, unit->structure.segment, all, node))
            return OK;
    return status;
}

const struct iommu_unit *iommu_unit_of(const struct iommu_unit *units, unsigned count, struct iommu_nodes all,
                                       const struct pci_node *node)
{
    const struct iommu_unit *found = NULL;
    bool unknown = false;

    for (unsigned i = 0; i < count; i++) {
        if (units[i].structure.segment != node->at.access->segment)
            continue;
        enum status names = unit_names(&units[i], all, node);

        if (names == OK)
            return units[i].works ? &units[i] : NULL;
        unknown |= names == ERR_INVALID;
        if (units[i].structure.all)
            found = &units[i];
    }
    return found && found->works && !unknown ? found : NULL;
}
