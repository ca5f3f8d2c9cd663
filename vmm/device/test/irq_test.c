/* SPDX-License-Identifier: MIT */
/*
 * I/O APIC, and the wiring of lines through PIC and I/O APIC to the local APIC.
 */
#include "vmm/device/irq.h"
#include "vmm/device/test/fixture.h"

static struct apic_bus bus;
static struct lapic cpu;
static struct ioapic ioapic;
static struct pic pic;
static struct irq_router router;
static unsigned nmis;

static void notify(void *context, enum lapic_event event, uint8_t vector)
{
    (void)context;
    (void)vector;
    nmis += event == LAPIC_NMI;
}

static uint64_t tsc_now(void *context)
{
    (void)context;
    return fixture_ns;
}

static void setup(void)
{
    struct lapic_dependencies with = {&bus, fixture_clock, {tsc_now, NULL, 1000000}, notify, NULL};

    nmis = 0;
    apic_bus_init(&bus);
    lapic_init(&cpu, 0, true, &with);
    ioapic_init(&ioapic, 1, &bus);
    REQUIRE(apic_bus_add_local(&bus, &cpu) == OK);
    REQUIRE(apic_bus_add_io(&bus, &ioapic) == OK);
    irq_router_init(&router, &pic, &ioapic, &cpu);
    pic_init(&pic, irq_router_intr(&router));
    lapic_set_virtual_wire(&cpu);
}

static uint32_t get(unsigned index)
{
    ioapic_write(&ioapic, 0, 4, index);
    return (uint32_t)ioapic_read(&ioapic, 0x10, 4);
}

static void put(unsigned index, uint32_t value)
{
    ioapic_write(&ioapic, 0, 4, index);
    ioapic_write(&ioapic, 0x10, 4, value);
}

static void redirect(unsigned pin, uint32_t low)
{
    put(0x11 + 2 * pin, 0);
    put(0x10 + 2 * pin, low);
}

static void eoi(void)
{
    lapic_write(&cpu, 0xb0, 4, 0);
}

static void test_registers(void)
{
    CASE("I/O APIC registers");
    setup();
    CHECK_EQ(get(0), 0x01000000);
    CHECK_EQ(get(1), 0x00170011);
    CHECK_EQ(get(0x10), 0x00010000);
    CHECK_EQ(get(0x3f), 0);
    CHECK_EQ(get(0x40), 0);
    put(0x12, 0xffffffff);
    CHECK_EQ(get(0x12), 0x0001afff);
    put(0x13, 0xffffffff);
    CHECK_EQ(get(0x13), 0xff000000);
    CHECK_EQ(ioapic_read(&ioapic, 0, 1), 0x13);
    ioapic_write(&ioapic, 0x10, 1, 0);
    CHECK_EQ(get(0x13), 0xff000000);
}

static void test_edge(void)
{
    struct irq_line line;

    CASE("edge: one message a rise; masked rises are lost");
    setup();
    line = irq_router_line(&router, 4);
    redirect(4, 0x34);
    irq_line_set(&line, true);
    CHECK(irq_pending(&cpu));
    CHECK_EQ(irq_acknowledge(&router, &cpu), 0x34);
    irq_line_set(&line, true);
    eoi();
    CHECK(!irq_pending(&cpu));
    irq_line_set(&line, false);
    redirect(4, 0x10034);
    irq_line_set(&line, true);
    redirect(4, 0x34);
    CHECK(!irq_pending(&cpu));

    CASE("IRQ 0 arrives at input 2, IRQ 2 goes nowhere");
    redirect(0, 0x30);
    redirect(2, 0x32);
    line = irq_router_line(&router, 0);
    irq_line_set(&line, true);
    CHECK_EQ(irq_acknowledge(&router, &cpu), 0x32);
    line = irq_router_line(&router, 2);
    CHECK(line.set == NULL);

    CASE("NMI delivery mode has no vector and no remote IRR");
    redirect(5, 0x8400);
    line = irq_router_line(&router, 5);
    irq_line_set(&line, true);
    CHECK_EQ(nmis, 1);
    CHECK_EQ(get(0x1a), 0x8400);
}

static void test_level(void)
{
    struct irq_line line;

    CASE("level: remote IRR until EOI, then again while asserted");
    setup();
    line = irq_router_line(&router, 20);
    redirect(20, 0x8071);
    irq_line_set(&line, true);
    CHECK_EQ(get(0x10 + 40), 0xc071);
    CHECK_EQ(irq_acknowledge(&router, &cpu), 0x71);
    CHECK_EQ(lapic_read(&cpu, 0x180 + 0x30, 4), 1u << 17);
    irq_line_set(&line, false);
    irq_line_set(&line, true);
    CHECK(!irq_pending(&cpu));
    eoi();
    CHECK_EQ(irq_acknowledge(&router, &cpu), 0x71);
    irq_line_set(&line, false);
    eoi();
    CHECK(!irq_pending(&cpu));
    CHECK_EQ(get(0x10 + 40), 0x8071);

    CASE("level: unmasking an asserted input sends");
    redirect(20, 0x18071);
    irq_line_set(&line, true);
    CHECK(!irq_pending(&cpu));
    redirect(20, 0x8071);
    CHECK_EQ(irq_acknowledge(&router, &cpu), 0x71);

    CASE("level: switching to edge clears remote IRR");
    put(0x10 + 40, 0x10071);
    CHECK_EQ(get(0x10 + 40), 0x10071);

    CASE("level to an APIC that is disabled: no remote IRR, so a later write tries again");
    setup();
    lapic_write(&cpu, 0xf0, 4, 0xff);
    redirect(20, 0x8071);
    irq_line_set(&line, false);
    irq_line_set(&line, true);
    CHECK_EQ(get(0x10 + 40), 0x8071);
    lapic_write(&cpu, 0xf0, 4, 0x1ff);
    redirect(20, 0x8071);
    CHECK(irq_pending(&cpu));
}

static void test_pic_path(void)
{
    struct irq_line line;

    CASE("PIC through LINT0: pending, acknowledge gives the PIC's vector, mask of LINT0 stops it");
    setup();
    pic_chip_write(&pic.master, 0, 1, 0x11);
    pic_chip_write(&pic.master, 1, 1, 0x20);
    pic_chip_write(&pic.master, 1, 1, 0x04);
    pic_chip_write(&pic.master, 1, 1, 0x01);
    pic_chip_write(&pic.master, 1, 1, 0x00);
    line = irq_router_line(&router, 0);
    irq_line_set(&line, true);
    CHECK(irq_pending(&cpu));
    lapic_write(&cpu, 0x350, 4, 0x10700);
    CHECK(!irq_pending(&cpu));
    lapic_write(&cpu, 0x350, 4, 0x700);
    CHECK_EQ(irq_acknowledge(&router, &cpu), 0x20);
    CHECK(!irq_pending(&cpu));
}

int main(void)
{
    test_registers();
    test_edge();
    test_level();
    test_pic_path();
    return check_finish();
}
