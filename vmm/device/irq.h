/* SPDX-License-Identifier: MIT */
/*
 * How the interrupt lines of the machine are wired.
 *
 *   IRQ 0 to 15 (not 2) -> PIC input of that number, and I/O APIC input of that number, but IRQ 0 to input 2
 *   inputs 16 to 23     -> I/O APIC only
 *   PIC INTR            -> LINT0 of the boot processor's local APIC
 *
 * Both controllers see every line; the guest masks the one that it does not use. The MADT must tell of IRQ 0
 * -> input 2 (interrupt source override) and of IRQ 9 (SCI) being level-triggered.
 *
 * The virtual CPU's glue: irq_pending() before an entry; if true and the guest can take an interrupt,
 * irq_acknowledge() and inject the vector; if it cannot, ask for an interrupt window.
 */
#ifndef VMM_DEVICE_IRQ_H
#define VMM_DEVICE_IRQ_H

#include "vmm/device/device.h"
#include "vmm/device/ioapic/ioapic.h"
#include "vmm/device/lapic/lapic.h"
#include "vmm/device/pic/pic.h"

struct irq_router;

struct irq_pin {
    struct irq_router *router;
    uint8_t number;
};

struct irq_router {
    struct pic *pic;
    struct ioapic *ioapic;
    struct lapic *boot;
    struct irq_pin pin[IOAPIC_PINS];
};

/* Only remembers the three; call before anything drives a line. Initialise the PIC with irq_router_intr(). */
void irq_router_init(struct irq_router *router, struct pic *pic, struct ioapic *ioapic, struct lapic *boot);

/* The PIC's output line. */
struct irq_line irq_router_intr(struct irq_router *router);

/* Line of IRQ 0 to 15 (2 is the cascade and goes nowhere), or I/O APIC input 16 to 23. */
struct irq_line irq_router_line(struct irq_router *router, unsigned number);

/* Is there an interrupt to inject into this CPU now? */
static inline bool irq_pending(const struct lapic *lapic)
{
    return lapic_extint_pending(lapic) || lapic_pending(lapic) >= 0;
}

/* Takes it and returns its vector; the PIC's comes first, since ExtINT has no priority to compare. */
uint8_t irq_acknowledge(struct irq_router *router, struct lapic *lapic);

#endif
