/* SPDX-License-Identifier: MIT */
/*
 * Buses: overlap, dispatch by width, splitting, unclaimed accesses, statistics.
 */
#include "test/check.h"
#include "vmm/device/bus.h"

/* A device that remembers its last cycles; reads give the offset in every byte. */
struct probe {
    unsigned cycles;
    uint64_t offset[8], value[8];
    unsigned width[8];
};

static uint64_t probe_read(struct probe *probe, uint64_t offset, unsigned width)
{
    uint64_t value = 0;

    probe->offset[probe->cycles & 7] = offset;
    probe->width[probe->cycles++ & 7] = width;
    for (unsigned i = 0; i < width; i++)
        value |= (offset + i) << (8 * i);
    return value;
}

static void probe_write(struct probe *probe, uint64_t offset, unsigned width, uint64_t value)
{
    probe->offset[probe->cycles & 7] = offset;
    probe->value[probe->cycles & 7] = value;
    probe->width[probe->cycles++ & 7] = width;
}

extern const struct device_ops probe_ops;
DEVICE_OPS(probe, struct probe);

static struct port_bus ports;
static struct mmio_bus mmio;

static void test_claims(void)
{
    struct probe probe = {0};

    CASE("claims: overlap, emptiness, end of space, exhaustion");
    port_bus_init(&ports);
    CHECK_EQ(port_bus_claim(&ports, "a", 0x100, 8, BUS_BYTE, &probe_ops, &probe), OK);
    CHECK_EQ(port_bus_claim(&ports, "b", 0x107, 1, BUS_BYTE, &probe_ops, &probe), ERR_EXISTS);
    CHECK_EQ(port_bus_claim(&ports, "b", 0xff, 2, BUS_BYTE, &probe_ops, &probe), ERR_EXISTS);
    CHECK_EQ(port_bus_claim(&ports, "b", 0xf0, 0x40, BUS_BYTE, &probe_ops, &probe), ERR_EXISTS);
    CHECK_EQ(port_bus_claim(&ports, "b", 0x108, 8, BUS_BYTE, &probe_ops, &probe), OK);
    CHECK_EQ(port_bus_claim(&ports, "b", 0x200, 0, BUS_BYTE, &probe_ops, &probe), ERR_INVALID);
    CHECK_EQ(port_bus_claim(&ports, "b", 0x200, 1, 0, &probe_ops, &probe), ERR_INVALID);
    CHECK_EQ(port_bus_claim(&ports, "b", 0xffff, 2, BUS_BYTE, &probe_ops, &probe), ERR_INVALID);
    CHECK_EQ(port_bus_claim(&ports, "b", 0xffff, 1, BUS_BYTE, &probe_ops, &probe), OK);
    for (unsigned i = 0; i < BUS_WINDOWS_MAX - 4; i++)
        CHECK_EQ(port_bus_claim(&ports, "c", 0x2000 + i, 1, BUS_BYTE, &probe_ops, &probe), OK);
    CHECK_EQ(port_bus_claim(&ports, "d", 0x3000, 1, BUS_BYTE, &probe_ops, &probe), ERR_OVERFLOW);

    mmio_bus_init(&mmio);
    CHECK_EQ(mmio_bus_claim(&mmio, "top", UINT64_MAX - 15, 16, BUS_DWORD, &probe_ops, &probe), OK);
    CHECK_EQ(mmio_bus_claim(&mmio, "over", UINT64_MAX - 31, 33, BUS_DWORD, &probe_ops, &probe), ERR_INVALID);
    CHECK_EQ(mmio_bus_claim(&mmio, "low", 0, 16, BUS_DWORD, &probe_ops, &probe), OK);
}

static void test_ports(void)
{
    struct probe narrow = {0}, wide = {0};

    CASE("ports: a byte-wide device gets a wide access as bytes");
    port_bus_init(&ports);
    CHECK_EQ(port_bus_claim(&ports, "narrow", 0x3f8, 8, BUS_BYTE, &probe_ops, &narrow), OK);
    CHECK_EQ(port_bus_claim(&ports, "wide", 0x6000, 8, BUS_BYTE | BUS_WORD | BUS_DWORD, &probe_ops, &wide),
             OK);
    port_bus_write(&ports, 0x3f9, 2, 0xbeef);
    CHECK_EQ(narrow.cycles, 2);
    CHECK_EQ(narrow.offset[0], 1);
    CHECK_EQ(narrow.value[0], 0xef);
    CHECK_EQ(narrow.offset[1], 2);
    CHECK_EQ(narrow.value[1], 0xbe);
    CHECK_EQ(port_bus_read(&ports, 0x3f8, 4), 0x03020100);
    CHECK_EQ(port_bus_read(&ports, 0x3ff, 1), 7);

    CASE("ports: a wide device above the table, in one cycle");
    CHECK_EQ(port_bus_read(&ports, 0x6004, 4), 0x07060504);
    CHECK_EQ(wide.cycles, 1);
    CHECK_EQ(wide.width[0], 4);

    CASE("ports: an access that leaves its window reads ones beyond");
    CHECK_EQ(port_bus_read(&ports, 0x6006, 4), 0xffff0706);
    CHECK_EQ(port_bus_read(&ports, 0x3f7, 2), 0x00ff);
    CHECK_EQ(port_bus_read(&ports, 0xffff, 4), 0xffffffff);

    CASE("ports: nobody there, odd widths, statistics");
    CHECK_EQ(port_bus_read(&ports, 0xed, 1), 0xff);
    CHECK_EQ(port_bus_read(&ports, 0xed, 2), 0xffff);
    CHECK_EQ(port_bus_read(&ports, 0x3f8, 3), UINT64_MAX);
    CHECK_EQ(port_bus_read(&ports, 0x3f8, 0), UINT64_MAX);
    port_bus_write(&ports, 0xed, 1, 1);
    port_bus_write(&ports, 0x3f8, 3, 1);
    CHECK_EQ(bus_window_opt(&ports.bus, 0)->writes, 1);
    CHECK_EQ(bus_window_opt(&ports.bus, 1)->writes, 2);
    CHECK_EQ(bus_window_opt(&ports.bus, 1)->reads, 6);
    CHECK(strcmp(bus_window_opt(&ports.bus, 2)->name, "wide") == 0);
    CHECK(bus_window_opt(&ports.bus, 3) == NULL);
}

static void test_mmio(void)
{
    struct probe dword = {0};

    CASE("memory: a quad-word becomes two dwords; narrower than the device reads ones");
    mmio_bus_init(&mmio);
    CHECK_EQ(mmio_bus_claim(&mmio, "dword", 0xfec00000, 0x10, BUS_DWORD, &probe_ops, &dword), OK);
    CHECK_EQ(mmio_bus_read(&mmio, 0xfec00000, 8), 0x0706050403020100);
    CHECK_EQ(dword.cycles, 2);
    CHECK_EQ(mmio_bus_read(&mmio, 0xfec00000, 1), 0xff);
    mmio_bus_write(&mmio, 0xfec00008, 8, 0x1122334455667788);
    CHECK_EQ(dword.value[2], 0x55667788);
    CHECK_EQ(dword.value[3], 0x11223344);
    CHECK_EQ(mmio_bus_read(&mmio, UINT64_MAX, 8), UINT64_MAX);
}

int main(void)
{
    test_claims();
    test_ports();
    test_mmio();
    return check_finish();
}
