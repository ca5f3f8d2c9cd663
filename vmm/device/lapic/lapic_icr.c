/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: interrupt command register (10.6.1).
 */
#include "vmm/device/lapic/lapic_private.h"

enum {
    ICR_LOGICAL = 1 << 11,
    ICR_ASSERT = 1 << 14,
    ICR_LEVEL = 1 << 15,
    ICR_SHORTHAND_SHIFT = 18,
};

enum { SHORTHAND_NONE, SHORTHAND_SELF, SHORTHAND_ALL, SHORTHAND_OTHERS };

/* Shorthands go only with the modes that table 10-3 allows; to self, fixed alone. */
void lapic_write_icr(struct lapic *lapic, uint32_t value)
{
    struct apic_message message = {
        .delivery = value >> 8 & 7,
        .vector = (uint8_t)value,
        .destination = lapic_extended(lapic) ? lapic->icr_high : lapic->icr_high >> 24,
        .wide = lapic_extended(lapic),
        .logical = value & ICR_LOGICAL,
    };
    bool vectored = message.delivery == APIC_FIXED || message.delivery == APIC_LOWEST_PRIORITY;

    lapic->icr_low = value & LAPIC_ICR_WRITABLE;
    if (vectored && message.vector < 16) {
        lapic_raise_error(lapic, ESR_SEND_ILLEGAL);
        return;
    }
    /* INIT level de-assert only synchronised arbitration IDs, long ago. */
    if (message.delivery == APIC_INIT && (value & ICR_LEVEL) && !(value & ICR_ASSERT))
        return;
    switch (value >> ICR_SHORTHAND_SHIFT & 3) {
    case SHORTHAND_SELF:
        if (message.delivery == APIC_FIXED)
            lapic_deliver(lapic, &message);
        break;
    case SHORTHAND_ALL:
        if (message.delivery == APIC_FIXED)
            apic_bus_broadcast(lapic->with.bus, &message, NULL);
        break;
    case SHORTHAND_OTHERS: apic_bus_broadcast(lapic->with.bus, &message, lapic); break;
    default: apic_bus_deliver(lapic->with.bus, &message); break;
    }
}
