/* SPDX-License-Identifier: MIT */
/*
 * Which unit a function is behind: named as an endpoint, below a named bridge, by a path through bridges, all others.
 */
#include "driver/platform/iommu.h"

#include "lib/pci/test/fake.h"
#include "test/check.h"

static struct fake_segment segment;
static struct pci_node nodes[8];
static struct iommu_nodes all;

/* 00:02.0 endpoint; 00:03.0 bridge to bus 1; 01:00.0 bridge to bus 2; 02:05.0 endpoint; 00:1f.2 endpoint. */
static void machine(void)
{
    fake_init(&segment);
    fake_add(&segment, pci_address(0, 2, 0), 1, 1, 0x030000);
    fake_add_bridge(&segment, pci_address(0, 3, 0), 1);
    fake_add_bridge(&segment, pci_address(1, 0, 0), 2);
    fake_add(&segment, pci_address(2, 5, 0), 1, 2, 0x010601);
    fake_add(&segment, pci_address(0, 30, 0), 1, 3, 0x010601);
    all = (struct iommu_nodes){nodes, pci_enumerate(&segment.access, nodes, 8)};
    REQUIRE(all.count == 5);
}

static const struct pci_node *at(unsigned bus, unsigned device)
{
    for (unsigned i = 0; i < all.count; i++)
        if (nodes[i].at.address == pci_address(bus, device, 0))
            return &nodes[i];
    REQUIRE(false);
    return NULL;
}

static void test_scopes(void)
{
    struct acpi_scope endpoint = {.type = ACPI_SCOPE_ENDPOINT, .length = 1, .device = {2}};
    struct acpi_scope bridge = {.type = ACPI_SCOPE_BRIDGE, .length = 1, .device = {3}};
    struct acpi_scope path = {.type = ACPI_SCOPE_ENDPOINT, .length = 3, .device = {3, 0, 5}};
    struct acpi_scope ioapic = {.type = ACPI_SCOPE_IOAPIC, .length = 1, .device = {2}};
    uint16_t address;

    CASE("scopes: an endpoint is itself only");
    CHECK(iommu_scope_covers(&endpoint, 0, all, at(0, 2)));
    CHECK(!iommu_scope_covers(&endpoint, 0, all, at(0, 30)));
    CHECK(!iommu_scope_covers(&endpoint, 1, all, at(0, 2)));

    CASE("scopes: a bridge and all behind it");
    CHECK(iommu_scope_covers(&bridge, 0, all, at(0, 3)));
    CHECK(iommu_scope_covers(&bridge, 0, all, at(1, 0)));
    CHECK(iommu_scope_covers(&bridge, 0, all, at(2, 5)));
    CHECK(!iommu_scope_covers(&bridge, 0, all, at(0, 2)));

    CASE("scopes: a path through two bridges");
    CHECK(iommu_scope_covers(&path, 0, all, at(2, 5)));
    CHECK(!iommu_scope_covers(&path, 0, all, at(1, 0)));
    CHECK_EQ(iommu_scope_address(&path, 0, all, &address), OK);
    CHECK_EQ(address, pci_address(2, 5, 0));

    CASE("scopes: a path over a device that is no bridge, or is not there; an I/O APIC");
    path.device[0] = 2;
    CHECK_EQ(iommu_scope_address(&path, 0, all, &address), ERR_NOT_FOUND);
    CHECK(!iommu_scope_covers(&path, 0, all, at(2, 5)));
    path.device[0] = 9;
    CHECK(!iommu_scope_covers(&path, 0, all, at(2, 5)));
    CHECK(!iommu_scope_covers(&ioapic, 0, all, at(0, 2)));
}

static void test_units(void)
{
    /* Scopes as in the table: type, length, 2 reserved, id, start bus, path. */
    static const uint8_t graphics[] = {1, 8, 0, 0, 0, 0, 2, 0}, slot[] = {2, 8, 0, 0, 0, 0, 3, 0};
    struct iommu_unit units[] = {
        {.structure = {.base = 0x1000, .all = true}, .works = true},
        {.structure = {.base = 0x2000, .scope = graphics, .scope_size = sizeof(graphics)}, .works = true},
        {.structure = {.base = 0x3000, .scope = slot, .scope_size = sizeof(slot)}, .works = true},
    };

    CASE("units: who names the function goes first, then who takes all others");
    CHECK_EQ(iommu_unit_of(units, 3, all, at(0, 2))->structure.base, 0x2000);
    CHECK_EQ(iommu_unit_of(units, 3, all, at(2, 5))->structure.base, 0x3000);
    CHECK_EQ(iommu_unit_of(units, 3, all, at(0, 30))->structure.base, 0x1000);

    CASE("units: who is behind one that does not work is behind no other, whatever comes first");
    units[1].works = false;
    CHECK(iommu_unit_of(units, 3, all, at(0, 2)) == NULL);
    CHECK_EQ(iommu_unit_of(units, 3, all, at(0, 30))->structure.base, 0x1000);
    units[1].works = true;
    units[0].works = false;
    CHECK_EQ(iommu_unit_of(units, 3, all, at(0, 2))->structure.base, 0x2000);
    CHECK(iommu_unit_of(units, 3, all, at(0, 30)) == NULL);
    units[0].works = true;

    CASE("units: scopes that cannot be read may name everybody");
    units[2].structure.scope_size--;
    CHECK_EQ(iommu_unit_of(units, 3, all, at(0, 2))->structure.base, 0x2000);
    CHECK(iommu_unit_of(units, 3, all, at(0, 30)) == NULL);
    units[2].structure.scope_size++;

    CASE("units: none for all others, none at all, another segment");
    CHECK(iommu_unit_of(units + 1, 2, all, at(0, 30)) == NULL);
    CHECK(iommu_unit_of(units, 0, all, at(0, 2)) == NULL);
    for (unsigned i = 0; i < 3; i++)
        units[i].structure.segment = 1;
    CHECK(iommu_unit_of(units, 3, all, at(0, 2)) == NULL);
}

int main(void)
{
    machine();
    test_scopes();
    test_units();
    return check_finish();
}
