/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: the local vector table (10.5.1), the pins LINT0 and LINT1, and the error register (10.5.3).
 */
#include "vmm/device/lapic/lapic_private.h"

/* Writable bits of each entry; delivery status (12) and remote IRR (14) are read-only. */
static const uint32_t lvt_writable[LVT_COUNT] = {
    [LVT_TIMER] = 0x000700ff, [LVT_THERMAL] = 0x000107ff, [LVT_PERFORMANCE] = 0x000107ff,
    [LVT_LINT0] = 0x0001a7ff, [LVT_LINT1] = 0x0001a7ff,   [LVT_ERROR] = 0x000100ff,
};

uint32_t lapic_lvt_writable(enum lapic_lvt index)
{
    return lvt_writable[index];
}

static uint8_t lvt_delivery(uint32_t entry)
{
    return entry >> LVT_DELIVERY_SHIFT & 7;
}

/* The source of an entry asks for its interrupt. */
void lapic_lvt_fire(struct lapic *lapic, enum lapic_lvt index)
{
    uint32_t entry = lapic->lvt[index];
    struct apic_message message = {.delivery = lvt_delivery(entry)};

    if (entry & LVT_MASKED)
        return;
    switch (message.delivery) {
    case APIC_FIXED: lapic_accept(lapic, entry & LVT_VECTOR, false); break;
    case APIC_SMI:
    case APIC_NMI:
    case APIC_INIT: lapic_deliver(lapic, &message); break;
    case APIC_EXTINT: /* a level that irq_pending() asks for; wake a halted CPU */
        lapic->with.notify(lapic->with.context, LAPIC_INTERRUPT, 0);
        break;
    default: break;
    }
}

void lapic_write_lvt(struct lapic *lapic, enum lapic_lvt index, uint32_t value)
{
    uint32_t before = lapic->lvt[index];

    if (index == LVT_TIMER)
        lapic_timer_settle(lapic, device_now(&lapic->with.clock)); /* under the old entry */
    value &= lvt_writable[index];
    if (!lapic_software_enabled(lapic)) /* 10.4.7.2: the masks cannot be cleared */
        value |= LVT_MASKED;
    lapic->lvt[index] = value;
    if (index == LVT_TIMER)
        lapic_timer_mode_changed(lapic, before);
    else if (index == LVT_LINT0 && lapic->line[0] &&
             lvt_delivery(value) == APIC_EXTINT) /* its level counts */
        lapic_lvt_fire(lapic, index);
}

void lapic_mask_all(struct lapic *lapic)
{
    lapic_timer_settle(lapic, device_now(&lapic->with.clock));
    for (unsigned i = 0; i < LVT_COUNT; i++)
        lapic->lvt[i] |= LVT_MASKED;
}

void lapic_set_lint(struct lapic *lapic, unsigned pin, bool level)
{
    bool rise = level && !lapic->line[pin & 1];

    lapic->line[pin & 1] = level;
    if (rise && lapic_enabled(lapic))
        lapic_lvt_fire(lapic, pin & 1 ? LVT_LINT1 : LVT_LINT0);
    else if (rise && !(pin & 1)) /* 10.4.3: without the APIC, LINT0 is INTR and LINT1 is NMI */
        lapic->with.notify(lapic->with.context, LAPIC_INTERRUPT, 0);
    else if (rise)
        lapic->with.notify(lapic->with.context, LAPIC_NMI, 0);
}

bool lapic_extint_pending(const struct lapic *lapic)
{
    uint32_t entry = lapic->lvt[LVT_LINT0];

    if (!lapic->line[0])
        return false;
    if (!lapic_enabled(lapic))
        return true;
    return !(entry & LVT_MASKED) && lvt_delivery(entry) == APIC_EXTINT;
}

/* Each kind of error interrupts once until ESR is written; so an illegal error vector cannot recurse. */
void lapic_raise_error(struct lapic *lapic, uint32_t bit)
{
    bool known = lapic->errors & bit;

    lapic->errors |= bit;
    if (!known)
        lapic_lvt_fire(lapic, LVT_ERROR);
}
