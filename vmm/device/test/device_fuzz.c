/* SPDX-License-Identifier: MIT */
/*
 * A whole machine of models under random accesses: a million by port and memory, of all widths, mixed
 * with deadlines, interrupts, input and the passing of time. The sanitizers watch; besides, some promises are
 * checked as it goes.
 *
 * An argument gives the seed, a second one the number of steps.
 */
#include "vmm/device/acpi_pm/acpi_pm.h"
#include "vmm/device/bus.h"
#include "vmm/device/i8042/i8042.h"
#include "vmm/device/irq.h"
#include "vmm/device/pci_config/pci_config.h"
#include "vmm/device/pit/pit.h"
#include "vmm/device/rtc/rtc.h"
#include "vmm/device/test/fixture.h"
#include "vmm/device/uart16550/uart16550.h"

static struct port_bus ports;
static struct mmio_bus mmio;
static struct apic_bus apics;
static struct lapic cpu;
static struct ioapic ioapic;
static struct pic pic;
static struct irq_router router;
static struct pit pit;
static struct rtc rtc;
static struct acpi_pm pm;
static struct uart16550 uart;
static struct reset reset_register;
static struct i8042 keyboard;
static struct pci_bus pci_bus;
static struct pci_config pci;

static uint64_t seed;
static unsigned resets, offs, injected, sent;
static int64_t tsc_offset;

/* xorshift64*: repeatable on every host. */
static uint64_t next_random(void)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1dull;
}

static void count(void *context)
{
    ++*(unsigned *)context;
}

static void notify(void *context, enum lapic_event event, uint8_t vector)
{
    (void)context;
    (void)event;
    (void)vector;
}

static uint64_t tsc_now(void *context)
{
    (void)context;
    return fixture_ns * 3 + (uint64_t)tsc_offset;
}

static bool transmit(void *context, uint8_t byte)
{
    (void)context;
    (void)byte;
    if (next_random() % 4 == 0)
        return false;
    sent++;
    return true;
}

static void init_models(void)
{
    struct lapic_dependencies with = {&apics, fixture_clock, {tsc_now, NULL, 3000000}, notify, NULL};

    apic_bus_init(&apics);
    lapic_init(&cpu, 0, true, &with);
    ioapic_init(&ioapic, 1, &apics);
    REQUIRE(apic_bus_add_local(&apics, &cpu) == OK);
    REQUIRE(apic_bus_add_io(&apics, &ioapic) == OK);
    irq_router_init(&router, &pic, &ioapic, &cpu);
    pic_init(&pic, irq_router_intr(&router));
    lapic_set_virtual_wire(&cpu);
    pit_init(&pit, fixture_clock, irq_router_line(&router, 0));
    rtc_init(&rtc, fixture_clock, irq_router_line(&router, 8), 1700000000);
    acpi_pm_init(&pm, fixture_clock, irq_router_line(&router, 9), count, &offs);
    uart16550_init(&uart, fixture_clock, irq_router_line(&router, 4), transmit, NULL);
    reset_init(&reset_register, count, &resets);
    i8042_init(&keyboard, count, &resets);
    pci_bus_init(&pci_bus, &mmio);
    pci_config_init(&pci, &pci_bus, &reset_register);
}

static void claim(const char *name, uint32_t base, uint32_t size, uint32_t widths,
                  const struct device_ops *ops, void *device)
{
    REQUIRE(port_bus_claim(&ports, name, base, size, widths, ops, device) == OK);
}

static void init_buses(void)
{
    uint32_t any = BUS_BYTE | BUS_WORD | BUS_DWORD;

    port_bus_init(&ports);
    claim("pic_master", 0x20, 2, BUS_BYTE, &pic_chip_ops, &pic.master);
    claim("pic_slave", 0xa0, 2, BUS_BYTE, &pic_chip_ops, &pic.slave);
    claim("pic_elcr", 0x4d0, 2, BUS_BYTE, &pic_elcr_ops, &pic);
    claim("pit", 0x40, 4, BUS_BYTE, &pit_ops, &pit);
    claim("port61", 0x61, 1, BUS_BYTE, &pit_port61_ops, &pit);
    claim("i8042_data", 0x60, 1, BUS_BYTE, &i8042_data_ops, &keyboard);
    claim("i8042_command", 0x64, 1, BUS_BYTE, &i8042_command_ops, &keyboard);
    claim("rtc", 0x70, 2, BUS_BYTE, &rtc_ops, &rtc);
    claim("uart", 0x3f8, 8, BUS_BYTE, &uart16550_ops, &uart);
    claim("acpi_pm", 0x600, ACPI_PM_SIZE, any, &acpi_pm_ops, &pm);
    claim("pci_config", 0xcf8, 8, any, &pci_config_ops, &pci);
    mmio_bus_init(&mmio);
    REQUIRE(mmio_bus_claim(&mmio, "ioapic", IOAPIC_BASE, IOAPIC_SIZE, any, &ioapic_ops, &ioapic) == OK);
    REQUIRE(mmio_bus_claim(&mmio, "lapic", LAPIC_BASE, LAPIC_SIZE, any, &lapic_ops, &cpu) == OK);
}

/* Half of the values are small or single bits: random 32-bit numbers seldom are a sensible command. */
static uint64_t random_value(void)
{
    uint64_t value = next_random();

    switch (next_random() % 4) {
    case 0: return value & 0xff;
    case 1: return 1ull << (value % 64);
    case 2: return value % 2 ? 0 : UINT64_MAX;
    default: return value;
    }
}

static void port_access(unsigned width)
{
    static const uint16_t bases[] = {0x20, 0xa0,  0x40,  0x60,  0x64,  0x70,
                                     0x80, 0x3f8, 0x4d0, 0x600, 0xcf8, 0xfffc};
    uint16_t port =
        (uint16_t)(bases[next_random() % (sizeof(bases) / sizeof(bases[0]))] + next_random() % 17 - 1);

    if (next_random() % 2) {
        port_bus_write(&ports, port, width, random_value());
    } else {
        uint64_t value = port_bus_read(&ports, port, width);

        REQUIRE(value == (value & device_ones(width)));
    }
}

static void mmio_access(unsigned width)
{
    uint64_t address = next_random() % 3 ? LAPIC_BASE : IOAPIC_BASE;

    switch (next_random() % 4) {
    case 0: address += next_random() % 0x1010 - 8; break; /* any byte, also across the edges */
    case 1: address = IOAPIC_BASE + (next_random() % 2) * 0x10; break;
    default: address += next_random() % 0x100 * 0x10; break;
    }
    if (next_random() % 2)
        mmio_bus_write(&mmio, address, width, random_value());
    else
        mmio_bus_read(&mmio, address, width);
}

static void expire_all(void)
{
    lapic_expire(&cpu, fixture_ns);
    pit_expire(&pit, fixture_ns);
    rtc_expire(&rtc, fixture_ns);
    acpi_pm_expire(&pm, fixture_ns);
    uart16550_expire(&uart, fixture_ns);
    /* A deadline that stays in the past would make the main loop spin. */
    REQUIRE(lapic_deadline(&cpu) > fixture_ns);
    REQUIRE(pit_deadline(&pit) > fixture_ns);
    REQUIRE(rtc_deadline(&rtc) > fixture_ns);
    REQUIRE(acpi_pm_deadline(&pm) > fixture_ns);
    REQUIRE(uart16550_deadline(&uart) > fixture_ns);
}

static void inject(void)
{
    while (irq_pending(&cpu) && next_random() % 8) {
        bool extint = lapic_extint_pending(&cpu);
        uint8_t vector = irq_acknowledge(&router, &cpu);

        REQUIRE(extint || vector >= 16);
        injected++;
        if (next_random() % 4)
            lapic_write(&cpu, 0xb0, 4, 0);
    }
}

static void other_event(void)
{
    static const uint8_t input[20] = "input of some length";
    uint64_t value;

    switch (next_random() % 9) {
    case 0: fixture_ns += next_random() % 1000; break;
    case 1: fixture_ns += next_random() % 100000000; break;
    case 2: fixture_ns += next_random() % 100 ? 0 : next_random() >> 16; break;
    case 3: uart16550_receive(&uart, input, (unsigned)(next_random() % sizeof(input))); break;
    case 4: uart16550_transmit_ready(&uart); break;
    case 5: pm.status |= 1 << 8; break;
    case 6:
        (void)!lapic_write_msr(&cpu, LAPIC_MSR_TSC_DEADLINE, tsc_now(NULL) + next_random() % 10000);
        break;
    case 7:
        tsc_offset = (int64_t)(next_random() % 100000);
        lapic_tsc_changed(&cpu);
        break;
    default:
        (void)!lapic_read_msr(&cpu, LAPIC_MSR_TSC_DEADLINE, &value);
        if (next_random() % 64 == 0)
            (void)!lapic_write_msr(&cpu, LAPIC_MSR_APIC_BASE, LAPIC_BASE | (next_random() & 0x800));
        lapic_set_cr8(&cpu, (uint8_t)(next_random() % 4));
        break;
    }
    if (fixture_ns >> 62) { /* 146 years of guest time are enough: a new machine */
        fixture_ns = 0;
        init_models();
    }
}

int main(int argc, char **argv)
{
    unsigned long steps = argc > 2 ? strtoul(argv[2], NULL, 0) : 1000000;

    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    seed = seed * 0x9e3779b97f4a7c15ull | 1;
    CASE("random accesses to all devices");
    init_buses();
    init_models();
    for (unsigned long i = 0; i < steps; i++) {
        unsigned width = 1u << next_random() % 4;

        if (next_random() % 2)
            port_access(width == 8 ? 4 : width);
        else
            mmio_access(width);
        if (next_random() % 4 == 0)
            other_event();
        expire_all();
        inject();
        /* A guest that leaves its APIC off would end the interesting part. */
        if (i % 1000 == 0)
            lapic_write(&cpu, 0xf0, 4, 0x1ff);
    }
    CHECK(injected > steps / 1000);
    CHECK(resets > 0 && offs > 0 && sent > 0);
    printf("%lu steps: %u interrupts, %u bytes sent, %u resets, %u power-offs\n", steps, injected, sent,
           resets, offs);
    for (unsigned i = 0; bus_window_opt(&ports.bus, i); i++)
        CHECK(bus_window_opt(&ports.bus, i)->reads > 0 && bus_window_opt(&ports.bus, i)->writes > 0);
    return check_finish();
}
