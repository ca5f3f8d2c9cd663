/* SPDX-License-Identifier: MIT */
/*
 * lib/pci against a fake segment: good devices, and such as lie.
 */
#include "lib/pci/pci.h"

#include "lib/pci/test/fake.h"
#include "test/check.h"

static struct fake_segment segment;

static void test_capabilities(void)
{
    fake_init(&segment);
    struct fake_function *one = fake_add(&segment, 0x20, 0x8086, 0x2922, 0x010601);
    struct pci_function at = fake_at(&segment, one);

    CASE("capabilities: none, found, last of several");
    CHECK_EQ(pci_capability(at, PCI_CAP_MSI), 0);
    fake_capability(one, 0x60, PCI_CAP_EXPRESS);
    fake_capability(one, 0x80, PCI_CAP_MSI);
    CHECK_EQ(pci_capability(at, PCI_CAP_MSI), 0x80);
    CHECK_EQ(pci_capability(at, PCI_CAP_EXPRESS), 0x60);
    CHECK_EQ(pci_capability(at, PCI_CAP_MSIX), 0);
    CHECK_EQ(pci_capability_number(at, PCI_CAP_MSI, 0), 0x80);
    CHECK_EQ(pci_capability_number(at, PCI_CAP_MSI, 1), 0);

    CASE("capabilities: a loop ends, a pointer into the header is no capability");
    fake_set(one, 0x61, 1, 0x80);
    CHECK_EQ(pci_capability_number(at, PCI_CAP_MSI, 1000), 0);
    CHECK_EQ(pci_capability(at, PCI_CAP_MSIX), 0);
    fake_set(one, 0x61, 1, 0x10);
    CHECK_EQ(pci_capability(at, PCI_CAP_MSIX), 0);

    CASE("extended capabilities: found, absent, a loop, beyond mechanism #1");
    CHECK_EQ(pci_extended_capability(at, 1), 0);
    fake_set(one, 0x100, 4, 0x14820001);
    fake_set(one, 0x148, 4, 0x00010003);
    CHECK_EQ(pci_extended_capability(at, 1), 0x100);
    CHECK_EQ(pci_extended_capability(at, 3), 0x148);
    CHECK_EQ(pci_extended_capability(at, 4), 0);
    fake_set(one, 0x148, 4, 0x10010003);
    CHECK_EQ(pci_extended_capability(at, 4), 0);
    segment.access.size = PCI_CONFIG_LEGACY;
    CHECK_EQ(pci_extended_capability(at, 1), 0);
    CHECK_EQ(segment.misaligned, 0);
}

static void test_bars(void)
{
    struct pci_bar bars[PCI_BARS];

    fake_init(&segment);
    struct fake_function *one = fake_add(&segment, 0x20, 1, 2, 3);

    fake_bar(one, 0, 0xfebf0000, 0x1000, false);
    fake_bar(one, 1, 0x7e00000000, 0x200000000, true);
    fake_set(one, 0x1c, 4, 0xc041); /* register 3: 32 ports */
    fake_set_writable(one, 0x1c, 4, 0xffe0);
    fake_set(one, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);

    CASE("base addresses: 32 bits, 64 bits, ports, absent");
    pci_bars_measure(fake_at(&segment, one), PCI_BARS, bars);
    CHECK_EQ(bars[0].address, 0xfebf0000);
    CHECK_EQ(bars[0].size, 0x1000);
    CHECK_EQ(bars[1].address, 0x7e00000000);
    CHECK_EQ(bars[1].size, 0x200000000);
    CHECK(bars[1].wide && !bars[0].wide);
    CHECK_EQ(bars[2].size, 0);
    CHECK(bars[3].ports);
    CHECK_EQ(bars[3].address, 0xc040);
    CHECK_EQ(bars[3].size, 32);
    CHECK_EQ(bars[4].size, 0);

    CASE("base addresses: registers are as before, and were not decoded meanwhile");
    CHECK_EQ(fake_get(one, 0x10, 4), 0xfebf0000);
    CHECK_EQ(fake_get(one, 0x18, 4), 0x7e);
    CHECK_EQ(fake_get(one, PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    CHECK(!one->decoded_while_measured);

    CASE("base addresses: a last register that claims to have a second half");
    fake_bar(one, 5, 0xfe000000, 0x2000, false);
    fake_set(one, 0x24, 4, 0xfe000004);
    pci_bars_measure(fake_at(&segment, one), PCI_BARS, bars);
    CHECK_EQ(bars[5].size, 0x2000);
    CHECK(!bars[5].wide);
}

static void test_msi(void)
{
    fake_init(&segment);
    struct fake_function *one = fake_add(&segment, 0x20, 1, 2, 3);
    struct pci_function at = fake_at(&segment, one);

    CASE("MSI: narrow");
    CHECK_EQ(pci_msi_find(at).offset, 0);
    fake_capability(one, 0x80, PCI_CAP_MSI);
    for (unsigned i = 0x82; i < 0xa0; i += 4)
        fake_set_writable(one, i, 4, UINT32_MAX);
    struct pci_msi msi = pci_msi_find(at);
    CHECK_EQ(msi.offset, 0x80);
    CHECK(!msi.wide);
    CHECK_EQ(pci_msi_enable(at, &msi, 0x1fee00000, 0x31), ERR_RANGE);
    CHECK_EQ(fake_get(one, 0x82, 2) & 1, 0);
    CHECK_EQ(pci_msi_enable(at, &msi, 0xfee01000, 0x31), OK);
    CHECK_EQ(fake_get(one, 0x84, 4), 0xfee01000);
    CHECK_EQ(fake_get(one, 0x88, 2), 0x31);
    CHECK_EQ(fake_get(one, 0x82, 2) & 0x71, 1);

    CASE("MSI: wide and maskable, one vector of several");
    fake_set(one, 0x82, 2, 0x180 | 0x30);
    msi = pci_msi_find(at);
    CHECK(msi.wide && msi.maskable);
    fake_set(one, 0x90, 4, UINT32_MAX);
    CHECK_EQ(pci_msi_enable(at, &msi, 0x1fee01000, 0x32), OK);
    CHECK_EQ(fake_get(one, 0x88, 4), 1);
    CHECK_EQ(fake_get(one, 0x8c, 2), 0x32);
    CHECK_EQ(fake_get(one, 0x90, 4), 0);
    CHECK_EQ(fake_get(one, 0x82, 2) & 0x71, 1);
    pci_msi_disable(at, &msi);
    CHECK_EQ(fake_get(one, 0x82, 2) & 1, 0);

    CASE("MSI: a capability at the very end of configuration space is none");
    fake_init(&segment);
    one = fake_add(&segment, 0x20, 1, 2, 3);
    fake_capability(one, 0xf8, PCI_CAP_MSI);
    CHECK_EQ(pci_msi_find(fake_at(&segment, one)).offset, 0);
}

static void test_msix(void)
{
    struct pci_bar bars[PCI_BARS] = {
        [1] = {0xfe000000, 0x1000, false, false}, [4] = {0xc000, 32, true, false}};
    uint32_t table[4 * 3] = {0};

    fake_init(&segment);
    struct fake_function *one = fake_add(&segment, 0x20, 1, 2, 3);
    struct pci_function at = fake_at(&segment, one);

    CASE("MSI-X: found, enabled, masked");
    fake_capability(one, 0xb0, PCI_CAP_MSIX);
    fake_set(one, 0xb2, 2, 2);
    fake_set_writable(one, 0xb2, 2, 0xc000);
    fake_set(one, 0xb4, 4, 0x801);
    struct pci_msix msix = pci_msix_find(at, bars);
    CHECK_EQ(msix.offset, 0xb0);
    CHECK_EQ(msix.count, 3);
    CHECK_EQ(msix.table_bar, 1);
    CHECK_EQ(msix.table_offset, 0x800);
    pci_msix_enable(at, &msix);
    CHECK_EQ(fake_get(one, 0xb2, 2), 0x8002);
    pci_msix_mask(at, &msix);
    CHECK_EQ(fake_get(one, 0xb2, 2), 0xc002);

    CASE("MSI-X: table entries");
    pci_msix_entry_set(table, 1, 0x1fee00000, 0x41);
    CHECK_EQ(table[4], 0xfee00000);
    CHECK_EQ(table[5], 1);
    CHECK_EQ(table[6], 0x41);
    CHECK_EQ(table[7], 0);
    pci_msix_entry_mask(table, 1);
    CHECK_EQ(table[7], 1);
    CHECK_EQ(table[3] | table[8], 0);

    CASE("MSI-X: a table outside its register, in ports, in none, in one not assigned");
    fake_set(one, 0xb4, 4, 0xfe1);
    CHECK_EQ(pci_msix_find(at, bars).offset, 0);
    fake_set(one, 0xb4, 4, 4);
    CHECK_EQ(pci_msix_find(at, bars).offset, 0);
    fake_set(one, 0xb4, 4, 7);
    CHECK_EQ(pci_msix_find(at, bars).offset, 0);
    fake_set(one, 0xb4, 4, 1);
    bars[1].address = 0;
    CHECK_EQ(pci_msix_find(at, bars).offset, 0);
}

static void test_reset(void)
{
    struct pci_saved saved;

    fake_init(&segment);
    struct fake_function *one = fake_add(&segment, 0x20, 1, 2, 3);
    struct pci_function at = fake_at(&segment, one);

    fake_bar(one, 0, 0xfebf0000, 0x1000, false);
    fake_set(one, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    fake_set(one, PCI_INTERRUPT_LINE, 1, 11);

    CASE("reset: a function without one has at least its bus mastering off");
    CHECK(!pci_reset_possible(at));
    CHECK_EQ(pci_reset_begin(at), ERR_UNSUPPORTED);
    CHECK_EQ(fake_get(one, PCI_COMMAND, 2), PCI_COMMAND_MEMORY);

    CASE("reset: by the Express capability, even if transactions never end; registers are put back");
    fake_capability(one, 0x40, PCI_CAP_EXPRESS);
    CHECK(!pci_reset_possible(at));
    fake_set(one, 0x44, 4, 1u << 28);
    fake_set_writable(one, 0x48, 2, 0x7fff);
    fake_set(one, 0x4a, 2, 1u << 5);
    one->flr_offset = 0x49;
    one->flr_bit = 0x80;
    fake_set(one, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pci_save(at, &saved);
    CHECK(pci_reset_possible(at));
    CHECK_EQ(pci_reset_begin(at), OK);
    CHECK_EQ(one->resets, 1);
    CHECK_EQ(fake_get(one, 0x10, 4), 0);
    pci_restore(at, &saved);
    CHECK_EQ(fake_get(one, 0x10, 4), 0xfebf0000);
    CHECK_EQ(fake_get(one, PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
    CHECK_EQ(fake_get(one, PCI_INTERRUPT_LINE, 1), 11);

    CASE("reset: by the Advanced Features capability");
    fake_set(one, 0x44, 4, 0);
    fake_capability(one, 0x90, PCI_CAP_ADVANCED);
    fake_set(one, 0x93, 1, 3);
    fake_set_writable(one, 0x94, 1, 0);
    one->flr_offset = 0x94;
    one->flr_bit = 1;
    CHECK_EQ(pci_reset_begin(at), OK);
    CHECK_EQ(one->resets, 2);
}

static void test_enumerate(void)
{
    static struct pci_node nodes[FAKE_FUNCTIONS];

    fake_init(&segment);
    fake_add(&segment, pci_address(0, 0, 0), 0x8086, 0x29c0, 0x060000);
    struct fake_function *port = fake_add_bridge(&segment, pci_address(0, 2, 0), 1);
    fake_capability(port, 0x40, PCI_CAP_EXPRESS);
    fake_set(port, 0x42, 2, 4 << 4);
    fake_add(&segment, pci_address(0, 31, 0), 0x8086, 0x2918, 0x060100);
    fake_set(&segment.functions[2], PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    fake_add(&segment, pci_address(0, 31, 2), 0x8086, 0x2922, 0x010601);
    fake_add(&segment, pci_address(0, 30, 3), 0x8086, 0xdead, 0); /* without a function 0: not there */
    fake_add(&segment, pci_address(1, 0, 0), 0x1b36, 0x0010, 0x010802);

    CASE("enumeration: functions, multi-function devices, behind a bridge; parents first");
    CHECK_EQ(pci_enumerate(&segment.access, nodes, FAKE_FUNCTIONS), 5);
    CHECK_EQ(nodes[1].at.address, pci_address(0, 2, 0));
    CHECK_EQ(nodes[1].secondary_bus, 1);
    CHECK_EQ(nodes[3].at.address, pci_address(0, 31, 2));
    CHECK_EQ(nodes[3].class_code, 0x010601);
    CHECK_EQ(nodes[4].vendor, 0x1b36);
    CHECK(nodes[4].parent_opt == &nodes[1]);
    CHECK(nodes[3].parent_opt == NULL);
    CHECK_EQ(pci_enumerate(&segment.access, nodes, 1), 4); /* the bridge does not fit */

    CASE("enumeration: bridges in a circle, to themselves, behind the last bus");
    fake_add_bridge(&segment, pci_address(1, 1, 0), 0);
    fake_add_bridge(&segment, pci_address(1, 2, 0), 1);
    fake_add_bridge(&segment, pci_address(1, 3, 0), 200);
    segment.access.last_bus = 100;
    fake_add(&segment, pci_address(200, 0, 0), 1, 2, 3);
    CHECK_EQ(pci_enumerate(&segment.access, nodes, FAKE_FUNCTIONS), 8);

    CASE("requesters: behind Express ports their own address");
    CHECK_EQ(pci_requester(&nodes[4]), pci_address(1, 0, 0));
    CHECK_EQ(pci_requester(&nodes[3]), pci_address(0, 31, 2));

    CASE("requesters: behind a conventional bridge the bridge's, behind one from Express its bus's");
    (void)pci_enumerate(&segment.access, nodes, FAKE_FUNCTIONS);
    nodes[1].express = 0;
    CHECK_EQ(pci_requester(&nodes[4]), pci_address(0, 2, 0));
    nodes[1].express = 1;
    nodes[1].express_type = PCI_EXPRESS_TO_CONVENTIONAL;
    CHECK_EQ(pci_requester(&nodes[4]), pci_address(1, 0, 0));
    nodes[4].at.address = pci_address(1, 5, 1);
    CHECK_EQ(pci_requester(&nodes[4]), pci_address(1, 0, 0));
}

int main(void)
{
    test_capabilities();
    test_bars();
    test_msi();
    test_msix();
    test_reset();
    test_enumerate();
    return check_finish();
}
