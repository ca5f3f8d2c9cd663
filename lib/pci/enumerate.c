/* SPDX-License-Identifier: MIT */
/* Which functions there are. Buses wait in the list of nodes itself: a bridge that was found is visited later, once. */
#include "lib/pci/pci.h"

#include "lib/string/string.h"

#define DEVICES   32u
#define FUNCTIONS 8u

#define EXPRESS_CAPABILITIES 2u /* register: Device/Port Type is in bits 4 to 7 */

struct walk {
    const struct pci_access *access;
    struct pci_node *nodes;
    unsigned room, count;
    bool visited[PCI_BUSES];
};

static struct pci_node node_read(struct pci_function at, const struct pci_node *parent_opt)
{
    struct pci_node node = {
        .at = at,
        .parent_opt = parent_opt,
        .vendor = (uint16_t)pci_read(at, PCI_VENDOR_ID, 2),
        .device = (uint16_t)pci_read(at, PCI_DEVICE_ID, 2),
        .class_code = pci_read(at, PCI_REVISION_ID, 4) >> 8,
        .header = pci_read(at, PCI_HEADER_TYPE, 1) & PCI_HEADER_TYPE_MASK,
    };
    unsigned express = pci_capability(at, PCI_CAP_EXPRESS);

    if (express) {
        node.express = 1;
        node.express_type = pci_read(at, express + EXPRESS_CAPABILITIES, 2) >> 4 & 15;
    }
    if (node.header == PCI_HEADER_BRIDGE)
        node.secondary_bus = (uint8_t)pci_read(at, PCI_BUS_SECONDARY, 1);
    return node;
}

static void visit_device(struct walk *walk, unsigned bus, unsigned device, const struct pci_node *parent_opt)
{
    for (unsigned number = 0; number < FUNCTIONS; number++) {
        struct pci_function at = {walk->access, pci_address(bus, device, number)};

        if (pci_read(at, PCI_VENDOR_ID, 2) == PCI_NO_VENDOR) {
            if (number == 0)
                return; /* function 0 is there if any is */
            continue;
        }
        if (walk->count < walk->room)
            walk->nodes[walk->count] = node_read(at, parent_opt);
        walk->count++;
        if (number == 0 && !(pci_read(at, PCI_HEADER_TYPE, 1) & PCI_HEADER_MULTIFUNCTION))
            return;
    }
}

static void visit_bus(struct walk *walk, unsigned bus, const struct pci_node *parent_opt)
{
    if (bus < walk->access->first_bus || bus > walk->access->last_bus || walk->visited[bus])
        return;
    walk->visited[bus] = true;
    for (unsigned device = 0; device < DEVICES; device++)
        visit_device(walk, bus, device, parent_opt);
}

unsigned pci_enumerate(const struct pci_access *access, struct pci_node *nodes, unsigned room)
{
    struct walk walk = {.access = access, .nodes = nodes, .room = room};

    visit_bus(&walk, access->first_bus, NULL);
    for (unsigned i = 0; i < walk.count && i < room; i++)
        if (nodes[i].header == PCI_HEADER_BRIDGE && nodes[i].secondary_bus)
            visit_bus(&walk, nodes[i].secondary_bus, &nodes[i]);
    return walk.count;
}

uint16_t pci_requester(const struct pci_node *node)
{
    uint16_t requester = node->at.address;

    for (const struct pci_node *bridge = node->parent_opt; bridge; bridge = bridge->parent_opt) {
        if (bridge->express && bridge->express_type == PCI_EXPRESS_TO_CONVENTIONAL)
            requester = pci_address(bridge->secondary_bus, 0, 0);
        else if (!bridge->express)
            requester = bridge->at.address;
    }
    return requester;
}
