/* SPDX-License-Identifier: MIT */
/*
 * Wiring of interrupt lines; see irq.h.
 */
#include "vmm/device/irq.h"

#define IRQ_CASCADE 2
#define IRQS        16

static void set_intr(void *context, bool level)
{
    struct irq_router *router = context;

    lapic_set_lint(router->boot, 0, level);
}

static void set_isa(void *context, bool level)
{
    struct irq_pin *pin = context;

    pic_set_line(pin->router->pic, pin->number, level);
    ioapic_set_line(pin->router->ioapic, pin->number == 0 ? IRQ_CASCADE : pin->number, level);
}

static void set_ioapic(void *context, bool level)
{
    struct irq_pin *pin = context;

    ioapic_set_line(pin->router->ioapic, pin->number, level);
}

void irq_router_init(struct irq_router *router, struct pic *pic, struct ioapic *ioapic, struct lapic *boot)
{
    router->pic = pic;
    router->ioapic = ioapic;
    router->boot = boot;
    for (unsigned i = 0; i < IOAPIC_PINS; i++)
        router->pin[i] = (struct irq_pin){.router = router, .number = (uint8_t)i};
}

struct irq_line irq_router_intr(struct irq_router *router)
{
    return (struct irq_line){.set = set_intr, .context = router};
}

struct irq_line irq_router_line(struct irq_router *router, unsigned number)
{
    if (number == IRQ_CASCADE || number >= IOAPIC_PINS)
        return (struct irq_line){0};
    return (struct irq_line){.set = number < IRQS ? set_isa : set_ioapic, .context = &router->pin[number]};
}

uint8_t irq_acknowledge(struct irq_router *router, struct lapic *lapic)
{
    return lapic_extint_pending(lapic) ? pic_acknowledge(router->pic) : lapic_acknowledge(lapic);
}
