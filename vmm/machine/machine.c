/* SPDX-License-Identifier: MIT */
/* See machine.h. */
#include "vmm/machine/machine.h"

static void power_off(void *context)
{
    ((struct machine *)context)->stop = MACHINE_POWERED_OFF;
}

static void reset_request(void *context)
{
    ((struct machine *)context)->stop = MACHINE_RESET_REQUESTED;
}

/* Number 0 is the boot processor. */
static enum status init_local_apics(struct machine *machine, const struct machine_dependencies *with)
{
    enum status status = OK;

    for (unsigned i = 0; status == OK && i < with->cpus; i++) {
        struct lapic_dependencies lapic = {
            .bus = &machine->apic_bus,
            .clock = with->clock,
            .tsc = with->tsc,
            .notify = with->notify,
            .context = with->cpu_context[i],
        };

        lapic.tsc.context = with->cpu_context[i];
        lapic_init(&machine->lapic[i], (uint8_t)i, i == 0, &lapic);
        status = apic_bus_add_local(&machine->apic_bus, &machine->lapic[i]);
    }
    machine->cpus = with->cpus;
    return status;
}

static enum status init_interrupts(struct machine *machine, const struct machine_dependencies *with)
{
    if (!with->cpus || with->cpus > MACHINE_CPUS_MAX)
        return ERR_INVALID;
    apic_bus_init(&machine->apic_bus);
    enum status status = init_local_apics(machine, with);
    if (status != OK)
        return status;
    lapic_set_virtual_wire(&machine->lapic[0]);
    ioapic_init(&machine->ioapic, MACHINE_IOAPIC_ID, &machine->apic_bus);
    irq_router_init(&machine->irq, &machine->pic, &machine->ioapic, &machine->lapic[0]);
    pic_init(&machine->pic, irq_router_intr(&machine->irq));
    pic_set_level_triggered(&machine->pic, 1u << MACHINE_SCI_IRQ);
    return apic_bus_add_io(&machine->apic_bus, &machine->ioapic);
}

static void init_devices(struct machine *machine, const struct machine_dependencies *with)
{
    struct irq_router *irq = &machine->irq;

    pit_init(&machine->pit, with->clock, irq_router_line(irq, 0));
    rtc_init(&machine->rtc, with->clock, irq_router_line(irq, 8), with->unix_seconds);
    acpi_pm_init(&machine->pm, with->clock, irq_router_line(irq, MACHINE_SCI_IRQ), power_off, machine);
    uart16550_init(&machine->uart, with->clock, irq_router_line(irq, MACHINE_COM1_IRQ), with->transmit,
                   with->context);
    reset_init(&machine->reset, reset_request, machine);
    i8042_init(&machine->keyboard, reset_request, machine);
    pci_bus_init(&machine->pci_bus, &machine->mmio);
    pci_config_init(&machine->pci, &machine->pci_bus, &machine->reset);
}

struct port_window {
    const char *name;
    uint32_t base, size, widths;
    const struct device_ops *ops;
    void *device;
};

static enum status claim_ports(struct machine *machine)
{
    const struct port_window windows[] = {
        {"PIC master", 0x20, 2, BUS_BYTE, &pic_chip_ops, &machine->pic.master},
        {"PIC slave", 0xa0, 2, BUS_BYTE, &pic_chip_ops, &machine->pic.slave},
        {"ELCR", 0x4d0, 2, BUS_BYTE, &pic_elcr_ops, &machine->pic},
        {"PIT", 0x40, 4, BUS_BYTE, &pit_ops, &machine->pit},
        {"port 61", 0x61, 1, BUS_BYTE, &pit_port61_ops, &machine->pit},
        {"i8042 data", 0x60, 1, BUS_BYTE, &i8042_data_ops, &machine->keyboard},
        {"i8042 command", 0x64, 1, BUS_BYTE, &i8042_command_ops, &machine->keyboard},
        {"RTC", 0x70, 2, BUS_BYTE, &rtc_ops, &machine->rtc},
        {"COM1", 0x3f8, 8, BUS_BYTE, &uart16550_ops, &machine->uart},
        {"PM", MACHINE_PM_PORT, ACPI_PM_SIZE, BUS_BYTE | BUS_WORD | BUS_DWORD, &acpi_pm_ops, &machine->pm},
        {"PCI", 0xcf8, 8, BUS_BYTE | BUS_WORD | BUS_DWORD, &pci_config_ops, &machine->pci},
    };

    port_bus_init(&machine->ports);
    for (unsigned i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        const struct port_window *w = &windows[i];
        enum status status =
            port_bus_claim(&machine->ports, w->name, w->base, w->size, w->widths, w->ops, w->device);

        if (status != OK)
            return status;
    }
    return OK;
}

static enum status claim_mmio(struct machine *machine)
{
    mmio_bus_init(&machine->mmio);
    return mmio_bus_claim(&machine->mmio, "I/O APIC", IOAPIC_BASE, IOAPIC_SIZE,
                          BUS_BYTE | BUS_WORD | BUS_DWORD, &ioapic_ops, &machine->ioapic);
}

enum status machine_init(struct machine *machine, const struct machine_dependencies *with)
{
    enum status status = init_interrupts(machine, with);

    machine->clock = with->clock;
    machine->stop = MACHINE_RUNNING;
    if (status != OK)
        return status;
    init_devices(machine, with);
    status = claim_ports(machine);
    return status == OK ? claim_mmio(machine) : status;
}

/* An access to the processor's own registers, which take no more than 4 bytes at a time. */
static inline bool own_page(const struct lapic *own, uint64_t address)
{
    return address - LAPIC_BASE < LAPIC_SIZE && lapic_mapped(own);
}

uint64_t machine_memory_read(struct machine *machine, struct lapic *own, uint64_t address, unsigned width)
{
    uint64_t offset = address - LAPIC_BASE;

    if (!own_page(own, address))
        return mmio_bus_read(&machine->mmio, address, width);
    own->reads++;
    if (width <= 4)
        return lapic_read(own, offset, width);
    return lapic_read(own, offset, 4) | lapic_read(own, offset + 4, 4) << 32;
}

void machine_memory_write(struct machine *machine, struct lapic *own, uint64_t address, unsigned width,
                          uint64_t value)
{
    uint64_t offset = address - LAPIC_BASE;

    if (!own_page(own, address)) {
        mmio_bus_write(&machine->mmio, address, width, value);
        return;
    }
    own->writes++;
    lapic_write(own, offset, width <= 4 ? width : 4, (uint32_t)value & device_ones(width));
    if (width > 4)
        lapic_write(own, offset + 4, 4, value >> 32);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t machine_deadline(const struct machine *machine)
{
    uint64_t deadline = earlier(pit_deadline(&machine->pit), rtc_deadline(&machine->rtc));

    deadline = earlier(deadline, acpi_pm_deadline(&machine->pm));
    return earlier(deadline, uart16550_deadline(&machine->uart));
}

void machine_expire(struct machine *machine, uint64_t now)
{
    pit_expire(&machine->pit, now);
    rtc_expire(&machine->rtc, now);
    acpi_pm_expire(&machine->pm, now);
    uart16550_expire(&machine->uart, now);
}
