/* SPDX-License-Identifier: MIT */
/*
 * The PCI bus as a guest sees it: configuration space, sizing and moving of BARs, capabilities, and MSI-X.
 */
#include "vmm/device/lapic/lapic.h"
#include "vmm/device/pci/msix.h"
#include "vmm/device/pci_config/pci_config.h"
#include "vmm/device/test/fixture.h"

#define BAR_SIZE 0x4000u

/* A device of one BAR with MSI-X at its end; the rest of the BAR reads as its offset. */
struct probe {
    struct pci_function function;
    struct msix msix;
    unsigned writes, refreshed, written;
};

static struct mmio_bus mmio;
static struct pci_bus bus;
static struct apic_bus apics;
static struct lapic cpu[2];
static struct probe probe[PCI_DEVICES];

static uint64_t probe_read(struct probe *device, uint64_t offset, unsigned width)
{
    if (offset >= 0x3000)
        return msix_pending_read(&device->msix, offset - 0x3000, width);
    return offset >= 0x2000 ? msix_table_read(&device->msix, offset - 0x2000, width) : offset;
}

static void probe_write(struct probe *device, uint64_t offset, unsigned width, uint64_t value)
{
    device->writes++;
    if (offset >= 0x2000)
        msix_table_write(&device->msix, offset - 0x2000, width, value);
}

extern const struct device_ops probe_ops;
DEVICE_OPS(probe, struct probe);

static void probe_refresh(struct pci_function *function, unsigned offset, unsigned width)
{
    (void)offset;
    (void)width;
    ((struct probe *)function)->refreshed++;
}

static void probe_written(struct pci_function *function, unsigned offset, unsigned width)
{
    struct probe *device = (struct probe *)function;

    device->written++;
    msix_written(&device->msix, offset, width);
}

static const struct pci_function_ops function_ops = {probe_refresh, probe_written};
static const struct pci_identity identity = {.vendor = 0x1af4,
                                             .device = 0x1042,
                                             .subsystem_vendor = 0x1234,
                                             .subsystem = 0x5678,
                                             .class_code = 0x018000,
                                             .revision = 1};

static enum status add(unsigned number)
{
    struct probe *device = &probe[number];
    struct pci_bar_options bar = {.index = 2,
                                  .size = BAR_SIZE,
                                  .widths = BUS_BYTE | BUS_WORD | BUS_DWORD | BUS_QWORD,
                                  .name = "probe",
                                  .ops = &probe_ops,
                                  .device = device};
    struct msix_options options = {.vectors = 3, .bar = 2, .table_offset = 0x2000, .pending_offset = 0x3000};
    enum status status = pci_function_init(&device->function, &bus, &identity, &function_ops);

    if (status == OK)
        status = pci_bar_add(&device->function, &bar);
    if (status == OK)
        msix_init(&device->msix, &device->function, &apics, &options);
    return status;
}

static void nobody(void *context, enum lapic_event event, uint8_t vector)
{
    (void)context;
    (void)event;
    (void)vector;
}

static uint64_t no_tsc(void *context)
{
    (void)context;
    return 0;
}

static void build(unsigned devices)
{
    struct lapic_dependencies with = {&apics, fixture_clock, {no_tsc, NULL, 1000}, nobody, NULL};

    memset(probe, 0, sizeof(probe));
    mmio_bus_init(&mmio);
    pci_bus_init(&bus, &mmio);
    apic_bus_init(&apics);
    for (unsigned i = 0; i < 2; i++) {
        lapic_init(&cpu[i], (uint8_t)i, i == 0, &with);
        lapic_write(&cpu[i], 0xf0, 4, 0x1ff);
        REQUIRE(apic_bus_add_local(&apics, &cpu[i]) == OK);
    }
    for (unsigned i = 1; i <= devices; i++)
        REQUIRE(add(i) == OK);
    REQUIRE(pci_bus_assign(&bus) == OK);
}

static void test_space(void)
{
    CASE("identification, header, what is not there");
    build(1);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_VENDOR, 4), 0x10421af4);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_REVISION, 4), 0x01800001);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_SUBSYSTEM_VENDOR, 4), 0x56781234);
    CHECK_EQ(pci_bus_read(&bus, 1, 0x0e, 1), 0);
    CHECK_EQ(pci_bus_read(&bus, 1, 0x3d, 1), 0);
    CHECK_EQ(pci_bus_read(&bus, 2, PCI_VENDOR, 4), 0xffffffff);
    CHECK_EQ(pci_bus_read(&bus, 1, 254, 4), 0xffffffff);
    CHECK_EQ(pci_bus_read(&bus, 0, PCI_VENDOR, 4), 0x0d578086);
    CHECK_EQ(probe[1].refreshed, 5);

    CASE("only what is writable is written, byte by byte");
    pci_bus_write(&bus, 1, PCI_VENDOR, 4, 0);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_VENDOR, 4), 0x10421af4);
    pci_bus_write(&bus, 1, PCI_COMMAND, 2, 0xffff);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_COMMAND, 4), PCI_STATUS_CAPABILITIES << 16 | 0x406);
    pci_bus_write(&bus, 1, PCI_COMMAND + 1, 1, 0);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_COMMAND, 2), 0x006);
    CHECK_EQ(probe[1].written, 3);
    pci_bus_write(&bus, 0, PCI_COMMAND, 2, 0xffff);
    CHECK_EQ(pci_bus_read(&bus, 0, PCI_COMMAND, 2), 0);
    pci_bus_write(&bus, 2, PCI_COMMAND, 2, 0xffff);

    CASE("configuration mechanism #1 reaches every device");
    struct pci_config config;
    struct reset reset;
    reset_init(&reset, NULL, NULL);
    pci_config_init(&config, &bus, &reset);
    pci_config_write(&config, 0, 4, 0x80000000 | 1u << 11 | PCI_SUBSYSTEM_VENDOR);
    CHECK_EQ(pci_config_read(&config, 4, 4), 0x56781234);
    CHECK_EQ(pci_config_read(&config, 6, 2), 0x5678);
    CHECK_EQ(pci_config_read(&config, 7, 1), 0x56);
    pci_config_write(&config, 0, 4, 0x80000000 | 1u << 11 | PCI_COMMAND);
    pci_config_write(&config, 4, 2, 0);
    CHECK_EQ(pci_config_read(&config, 4, 2), 0);
    pci_config_write(&config, 0, 4, 0x80000000 | 1u << 11 | 1u << 8);
    CHECK_EQ(pci_config_read(&config, 4, 4), 0xffffffff);

    CASE("a full bus takes no more");
    build(PCI_DEVICES - 1);
    CHECK_EQ(pci_bus_read(&bus, 31, PCI_VENDOR, 2), 0x1af4);
    struct pci_function one_more;
    CHECK_EQ(pci_function_init(&one_more, &bus, &identity, NULL), ERR_OVERFLOW);
}

static void test_bars(void)
{
    CASE("BARs are assigned, sized and decoded");
    build(3);
    for (unsigned i = 1; i <= 3; i++) {
        uint32_t base = pci_bus_read(&bus, i, PCI_BAR0 + 8, 4);

        CHECK_EQ(base, PCI_WINDOW_BASE + (i - 1) * BAR_SIZE);
        CHECK_EQ(mmio_bus_read(&mmio, base + 0x124, 4), 0x124);
    }
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_BAR0, 4), 0);
    pci_bus_write(&bus, 1, PCI_BAR0, 4, 0xffffffff);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_BAR0, 4), 0);
    pci_bus_write(&bus, 1, PCI_COMMAND, 2, 0);
    CHECK_EQ(mmio_bus_read(&mmio, PCI_WINDOW_BASE + 0x124, 4), 0xffffffff);
    pci_bus_write(&bus, 1, PCI_BAR0 + 8, 4, 0xffffffff);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_BAR0 + 8, 4), ~(BAR_SIZE - 1));

    CASE("a BAR moves, to an edge, and not onto another");
    pci_bus_write(&bus, 1, PCI_BAR0 + 8, 4, 0xfebfc001);
    pci_bus_write(&bus, 1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_BAR0 + 8, 4), 0xfebfc000);
    CHECK_EQ(mmio_bus_read(&mmio, 0xfebfc124, 4), 0x124);
    pci_bus_write(&bus, 1, PCI_BAR0 + 8, 4, 0xfffff000);
    CHECK_EQ(mmio_bus_read(&mmio, 0xfffffffc, 4), 0);
    pci_bus_write(&bus, 1, PCI_BAR0 + 8, 4, PCI_WINDOW_BASE + BAR_SIZE);
    probe[1].writes = probe[2].writes = 0;
    mmio_bus_write(&mmio, PCI_WINDOW_BASE + BAR_SIZE, 4, 1);
    CHECK_EQ(probe[1].writes, 0);
    CHECK_EQ(probe[2].writes, 1);
    pci_bus_write(&bus, 1, PCI_BAR0 + 8, 4, PCI_WINDOW_BASE);
    mmio_bus_write(&mmio, PCI_WINDOW_BASE, 4, 1);
    CHECK_EQ(probe[1].writes, 1);

    CASE("BARs change places: what was in the way of one is gone, and it is there");
    pci_bus_write(&bus, 2, PCI_BAR0 + 8, 4, PCI_WINDOW_BASE);
    pci_bus_write(&bus, 1, PCI_BAR0 + 8, 4, PCI_WINDOW_BASE + BAR_SIZE);
    probe[1].writes = probe[2].writes = 0;
    mmio_bus_write(&mmio, PCI_WINDOW_BASE, 4, 1);
    CHECK_EQ(probe[1].writes, 0);
    CHECK_EQ(probe[2].writes, 1);
    mmio_bus_write(&mmio, PCI_WINDOW_BASE + BAR_SIZE, 4, 1);
    CHECK_EQ(probe[1].writes, 1);
    pci_bus_write(&bus, 2, PCI_BAR0 + 8, 4, PCI_WINDOW_BASE + BAR_SIZE);
    pci_bus_write(&bus, 1, PCI_COMMAND, 2, 0);
    mmio_bus_write(&mmio, PCI_WINDOW_BASE + BAR_SIZE, 4, 1);
    CHECK_EQ(probe[2].writes, 2);

    CASE("a window too small for all");
    mmio_bus_init(&mmio);
    pci_bus_init(&bus, &mmio);
    struct pci_bar_options large = {
        .index = 0, .size = 1u << 28, .widths = BUS_DWORD, .name = "large", .ops = &probe_ops};
    for (unsigned i = 1; i <= 2; i++) {
        REQUIRE(pci_function_init(&probe[i].function, &bus, &identity, NULL) == OK);
        REQUIRE(pci_bar_add(&probe[i].function, &large) == OK);
    }
    CHECK_EQ(pci_bus_assign(&bus), ERR_OVERFLOW);

    CASE("too many windows");
    enum status status = OK;
    for (unsigned i = 3; i < PCI_DEVICES && status == OK; i++) {
        REQUIRE(pci_function_init(&probe[i].function, &bus, &identity, NULL) == OK);
        status = pci_bar_add(&probe[i].function, &large);
        large.index = 1;
        if (status == OK)
            status = pci_bar_add(&probe[i].function, &large);
    }
    CHECK_EQ(status, ERR_OVERFLOW);
}

/* Where the capability is, found as a guest does. */
static unsigned capability(unsigned device, uint8_t id)
{
    unsigned at = pci_bus_read(&bus, device, PCI_CAPABILITIES, 1);

    while (at && pci_bus_read(&bus, device, at, 1) != id)
        at = pci_bus_read(&bus, device, at + 1, 1);
    return at;
}

static void entry(unsigned vector, uint32_t address, uint32_t data, uint32_t mask)
{
    uint64_t at = PCI_WINDOW_BASE + 0x2000 + 16 * vector;

    mmio_bus_write(&mmio, at, 8, address);
    mmio_bus_write(&mmio, at + 8, 4, data);
    mmio_bus_write(&mmio, at + 12, 4, mask);
}

/* The vector that waits at this processor, which takes and ends it; -1: none. */
static int taken(unsigned number)
{
    int vector = lapic_pending(&cpu[number]);

    if (vector >= 0) {
        CHECK_EQ(lapic_acknowledge(&cpu[number]), vector);
        lapic_write(&cpu[number], 0xb0, 4, 0);
    }
    return vector;
}

static uint64_t pending(void)
{
    return mmio_bus_read(&mmio, PCI_WINDOW_BASE + 0x3000, 8);
}

static void test_capabilities(void)
{
    CASE("capabilities: a list of two");
    build(1);
    unsigned last = pci_capability_add(&probe[1].function, 0x09, 17);
    CHECK_EQ(capability(1, 0x11), PCI_CAPABILITY_FIRST);
    CHECK_EQ(capability(1, 0x09), last);
    CHECK_EQ(last, PCI_CAPABILITY_FIRST + 12);
    CHECK_EQ(pci_capability_add(&probe[1].function, 0x09, 4), last + 20);
    CHECK_EQ(capability(1, 0x05), 0);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_CAPABILITY_FIRST + 2, 2), 2);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_CAPABILITY_FIRST + 4, 4), 0x2002);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_CAPABILITY_FIRST + 8, 4), 0x3002);
    pci_bus_write(&bus, 1, PCI_CAPABILITY_FIRST + 2, 2, 0xffff);
    CHECK_EQ(pci_bus_read(&bus, 1, PCI_CAPABILITY_FIRST + 2, 2), 0xc002);
}

static void test_masks(void)
{
    unsigned control = PCI_CAPABILITY_FIRST + 2;
    struct msix *msix = &probe[1].msix;

    CASE("MSI-X: off, then masked, then sent when unmasked");
    build(1);
    pci_bus_write(&bus, 1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    CHECK_EQ(mmio_bus_read(&mmio, PCI_WINDOW_BASE + 0x200c, 4), 1);
    entry(0, 0xfee00000, 0x41, 0);
    msix_send(msix, 0);
    CHECK_EQ(pending(), 0);
    pci_bus_write(&bus, 1, control, 2, 0x8000);
    CHECK_EQ(taken(0), -1);
    msix_send(msix, 0);
    CHECK_EQ(taken(0), 0x41);
    msix_send(msix, 1);
    CHECK_EQ(pending(), 2);
    entry(1, 0xfee01000, 0x52, 1);
    CHECK_EQ(pending(), 2);
    mmio_bus_write(&mmio, PCI_WINDOW_BASE + 0x201c, 4, 0xfffffffe);
    CHECK_EQ(pending(), 0);
    CHECK_EQ(mmio_bus_read(&mmio, PCI_WINDOW_BASE + 0x201c, 4), 0);
    CHECK_EQ(taken(0), -1);
    CHECK_EQ(taken(1), 0x52);

    CASE("MSI-X: function mask and bus mastering hold back, too");
    pci_bus_write(&bus, 1, control, 2, 0xc000);
    msix_send(msix, 0);
    msix_send(msix, 1);
    CHECK_EQ(pending(), 3);
    CHECK_EQ(mmio_bus_read(&mmio, PCI_WINDOW_BASE + 0x3000, 4), 3);
    pci_bus_write(&bus, 1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    pci_bus_write(&bus, 1, control, 2, 0x8000);
    CHECK_EQ(pending(), 3);
    pci_bus_write(&bus, 1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    CHECK_EQ(pending(), 0);
    CHECK_EQ(taken(0), 0x41);
    CHECK_EQ(taken(1), 0x52);
}

static void test_messages(void)
{
    struct msix *msix = &probe[1].msix;

    CASE("MSI-X: which messages reach whom");
    entry(2, 0xfee00000 | 0xffu << 12, 0x61, 0);
    msix_send(msix, 2);
    CHECK_EQ(taken(0), 0x61);
    CHECK_EQ(taken(1), 0x61);
    entry(2, 0xfee00000 | 0xffu << 12 | 8, 0x62, 0);
    msix_send(msix, 2);
    CHECK_EQ((taken(0) >= 0) + (taken(1) >= 0), 1);
    entry(2, 0xfef00000, 0x63, 0);
    msix_send(msix, 2);
    entry(2, 0xfee00000, 0x63 | 1u << 15, 0);
    msix_send(msix, 2);
    entry(2, 0xfee00000, 0x63 | 6u << 8, 0);
    msix_send(msix, 2);
    entry(2, 0xfee00000, 0x63, 0);
    mmio_bus_write(&mmio, PCI_WINDOW_BASE + 0x2024, 4, 1);
    msix_send(msix, 2);
    msix_send(msix, 3);
    msix_send(msix, 0xffff);
    CHECK_EQ(taken(0), -1);
    CHECK_EQ(taken(1), -1);

    CASE("MSI-X: accesses of other widths, and beyond the table");
    CHECK_EQ(mmio_bus_read(&mmio, PCI_WINDOW_BASE + 0x2020, 8), 0x1fee00000);
    CHECK_EQ(mmio_bus_read(&mmio, PCI_WINDOW_BASE + 0x2020, 2), 0xffff);
    mmio_bus_write(&mmio, PCI_WINDOW_BASE + 0x2020, 2, 0);
    mmio_bus_write(&mmio, PCI_WINDOW_BASE + 0x2030, 4, 0);
    CHECK_EQ(mmio_bus_read(&mmio, PCI_WINDOW_BASE + 0x2020, 4), 0xfee00000);
    CHECK_EQ(mmio_bus_read(&mmio, PCI_WINDOW_BASE + 0x2030, 4), 0xffffffff);
    CHECK_EQ(mmio_bus_read(&mmio, PCI_WINDOW_BASE + 0x3008, 8), 0);
}

int main(void)
{
    test_space();
    test_bars();
    test_capabilities();
    test_masks();
    test_messages();
    return check_finish();
}
