/* SPDX-License-Identifier: MIT */
/* The board: where devices answer, how their interrupts arrive, the ways to end, and deadlines. */
#include "vmm/machine/machine.h"

#include "test/check.h"

static struct machine machine;
static uint64_t now;
static unsigned interrupts;

static uint64_t clock_ns(void *context)
{
    (void)context;
    return now;
}

static bool transmit(void *context, uint8_t byte)
{
    (void)context;
    (void)byte;
    return true;
}

static void notify(void *context, enum lapic_event event, uint8_t vector)
{
    (void)context;
    (void)vector;
    interrupts += event == LAPIC_INTERRUPT;
}

static void build(void)
{
    const struct machine_dependencies with = {
        .clock = {.now_ns = clock_ns},
        .tsc = {.now = clock_ns, .khz = 1000000},
        .unix_seconds = 1767225600,
        .transmit = transmit,
        .cpus = 2,
        .notify = notify,
    };

    now = 1000;
    REQUIRE(machine_init(&machine, &with) == OK);
}

static void write_port(uint16_t port, uint8_t value)
{
    port_bus_write(&machine.ports, port, 1, value);
}

int main(void)
{
    CASE("each device answers at its ports and addresses");
    build();
    CHECK_EQ(port_bus_read(&machine.ports, 0x3fd, 1), 0x60);
    CHECK_EQ(port_bus_read(&machine.ports, 0x2f8, 1), 0xff);
    port_bus_write(&machine.ports, 0xcf8, 4, 0x80000000);
    CHECK_EQ(port_bus_read(&machine.ports, 0xcfc, 2), 0x8086);
    mmio_bus_write(&machine.mmio, 0xfec00000, 4, 1);
    CHECK_EQ(mmio_bus_read(&machine.mmio, 0xfec00010, 4) >> 16, 23);
    CHECK_EQ(mmio_bus_read(&machine.mmio, 0xfed00000, 4), 0xffffffff);

    CASE("each processor has its own local APIC, unless it is switched off");
    CHECK_EQ(machine_memory_read(&machine, &machine.lapic[1], 0xfee00020, 4), 1u << 24);
    CHECK_EQ(machine_memory_read(&machine, &machine.lapic[0], 0xfee00030, 8), 0x50014);
    machine_memory_write(&machine, &machine.lapic[0], 0xfee00080, 8, 0x5500000020);
    CHECK_EQ(lapic_cr8(&machine.lapic[0]), 2);
    CHECK_EQ(lapic_cr8(&machine.lapic[1]), 0);
    CHECK_EQ(machine_memory_read(&machine, &machine.lapic[1], 0xfec00010, 4) >> 16, 23);
    REQUIRE(lapic_write_msr(&machine.lapic[1], LAPIC_MSR_APIC_BASE, LAPIC_BASE) == OK);
    CHECK_EQ(machine_memory_read(&machine, &machine.lapic[1], 0xfee00030, 4), 0xffffffff);
    CHECK_EQ(machine_memory_read(&machine, &machine.lapic[0], 0xfee00030, 4), 0x50014);

    CASE("the PIT's interrupt arrives through the PIC");
    build();
    write_port(0x21, 0xfe);
    write_port(0x43, 0x34);
    write_port(0x40, 100);
    write_port(0x40, 0);
    CHECK(machine_deadline(&machine) > now && machine_deadline(&machine) < now + 200000);
    write_port(0x20, 0x11);
    write_port(0x21, 0x20);
    write_port(0x21, 4);
    write_port(0x21, 1);
    write_port(0x21, 0xfe);
    now = machine_deadline(&machine);
    machine_expire(&machine, now);
    CHECK(irq_pending(&machine.lapic[0]));
    CHECK_EQ(irq_acknowledge(&machine.irq, &machine.lapic[0]), 0x20);
    CHECK(!irq_pending(&machine.lapic[0]));

    CASE("every expired deadline moves on");
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t deadline = machine_deadline(&machine);

        REQUIRE(deadline > now);
        if (deadline == DEVICE_NO_DEADLINE)
            break;
        now = deadline;
        machine_expire(&machine, now);
    }

    CASE("power-off and reset");
    build();
    port_bus_write(&machine.ports, MACHINE_PM_PORT + 4, 2, 5u << 10 | 1u << 13);
    CHECK_EQ(machine.stop, MACHINE_POWERED_OFF);
    build();
    write_port(0xcf9, 6);
    CHECK_EQ(machine.stop, MACHINE_RESET_REQUESTED);
    build();
    write_port(0x64, 0xfe);
    CHECK_EQ(machine.stop, MACHINE_RESET_REQUESTED);
    return check_finish();
}
