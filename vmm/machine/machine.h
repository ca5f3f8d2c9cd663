/* SPDX-License-Identifier: MIT */
/*
 * The virtual PC: which devices there are, at which ports and addresses, and how their interrupts are wired.
 *
 * The machine knows nothing of the kernel; vmm/vcpu runs guests on it and vmm/main.c connects it to sessions. Time is
 * nanoseconds since machine_init(). After anything that may have changed a device, the owner asks for machine_deadline()
 * and calls machine_expire() at that time; the local APICs have deadlines of their own, one a processor. With several
 * processors, one lock of the owner's covers all of the machine.
 */
#ifndef VMM_MACHINE_MACHINE_H
#define VMM_MACHINE_MACHINE_H

#include "lib/base/status.h"
#include "vmm/device/acpi_pm/acpi_pm.h"
#include "vmm/device/apic_bus.h"
#include "vmm/device/bus.h"
#include "vmm/device/i8042/i8042.h"
#include "vmm/device/ioapic/ioapic.h"
#include "vmm/device/irq.h"
#include "vmm/device/lapic/lapic.h"
#include "vmm/device/pci_config/pci_config.h"
#include "vmm/device/pic/pic.h"
#include "vmm/device/pit/pit.h"
#include "vmm/device/reset/reset.h"
#include "vmm/device/rtc/rtc.h"
#include "vmm/device/uart16550/uart16550.h"

#define MACHINE_PM_PORT   0x600u
#define MACHINE_SCI_IRQ   9u
#define MACHINE_COM1_IRQ  4u
#define MACHINE_IOAPIC_ID 0u
#define MACHINE_CPUS_MAX  8u

/* Why a guest stopped. */
enum machine_stop {
    MACHINE_RUNNING,
    MACHINE_POWERED_OFF,
    MACHINE_RESET_REQUESTED,
    MACHINE_FAILED, /* a guest that cannot go on */
};

struct machine_dependencies {
    struct device_clock clock;
    struct lapic_tsc tsc;
    uint64_t unix_seconds;                         /* wall-clock time at machine_init */
    bool (*transmit)(void *context, uint8_t byte); /* COM1 output; see uart16550.h */
    void *context;                                 /* its first argument */
    unsigned cpus;                                 /* 1 .. MACHINE_CPUS_MAX */
    void (*notify)(void *context, enum lapic_event event, uint8_t vector); /* see lapic.h */
    void *cpu_context[MACHINE_CPUS_MAX]; /* first argument of notify() and tsc.now() of each processor */
};

struct machine {
    struct port_bus ports;
    struct mmio_bus mmio;
    struct apic_bus apic_bus;
    struct irq_router irq;
    struct lapic lapic[MACHINE_CPUS_MAX];
    unsigned cpus;
    struct ioapic ioapic;
    struct pic pic;
    struct pit pit;
    struct rtc rtc;
    struct acpi_pm pm;
    struct uart16550 uart;
    struct i8042 keyboard;
    struct pci_bus pci_bus;
    struct pci_config pci;
    struct reset reset;
    struct device_clock clock;
    enum machine_stop stop;
};

/* `machine` must stay where it is. Fails only if the board's own map overlaps, which is our mistake. */
[[nodiscard]] enum status machine_init(struct machine *machine, const struct machine_dependencies *with);

/* Accesses of one processor to addresses without RAM. Each has its own local APIC at the same place. */
uint64_t machine_memory_read(struct machine *machine, struct lapic *own, uint64_t address, unsigned width);
void machine_memory_write(struct machine *machine, struct lapic *own, uint64_t address, unsigned width,
                          uint64_t value);

/* Of all devices but the local APICs. */
uint64_t machine_deadline(const struct machine *machine);
void machine_expire(struct machine *machine, uint64_t now);

#endif
