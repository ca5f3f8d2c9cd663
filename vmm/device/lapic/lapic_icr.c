/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: interrupt command register (10.6.1) and the two MSRs (10.4.4, 10.5.4.1).
 */
#include "vmm/device/lapic/lapic_private.h"

enum {
    ICR_LOGICAL = 1 << 11,
    ICR_ASSERT = 1 << 14,
    ICR_LEVEL = 1 << 15,
    ICR_SHORTHAND_SHIFT = 18,
    ICR_WRITABLE = 0x000ccfff, /* delivery status (12) reads idle: messages take no time */
};

enum { SHORTHAND_NONE, SHORTHAND_SELF, SHORTHAND_ALL, SHORTHAND_OTHERS };

#define BASE_WRITABLE 0x0000000ffffff900ull /* 36 bits of address, EN; BSP is kept, EXTD is not offered */

/* Shorthands go only with the modes that table 10-3 allows; to self, fixed alone. */
void lapic_write_icr(struct lapic *lapic, uint32_t value)
{
    struct apic_message message = {
        .delivery = value >> 8 & 7,
        .vector = (uint8_t)value,
        .destination = (uint8_t)(lapic->icr_high >> 24),
        .logical = value & ICR_LOGICAL,
    };
    bool vectored = message.delivery == APIC_FIXED || message.delivery == APIC_LOWEST_PRIORITY;

    lapic->icr_low = value & ICR_WRITABLE;
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

/* Switching the APIC off loses its state (10.4.3). */
static enum status write_base(struct lapic *lapic, uint64_t value)
{
    bool was_enabled = lapic_enabled(lapic);

    if (value & ~BASE_WRITABLE)
        return ERR_INVALID;
    lapic->base = (value & ~(uint64_t)BASE_BSP) | (lapic->base & BASE_BSP);
    if (was_enabled && !lapic_enabled(lapic))
        lapic_reset(lapic);
    return OK;
}

enum status lapic_read_msr(struct lapic *lapic, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case LAPIC_MSR_APIC_BASE: *value = lapic->base; return OK;
    case LAPIC_MSR_TSC_DEADLINE: *value = lapic_timer_tsc_deadline(lapic); return OK;
    default: return ERR_NOT_FOUND;
    }
}

enum status lapic_write_msr(struct lapic *lapic, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case LAPIC_MSR_APIC_BASE: return write_base(lapic, value);
    case LAPIC_MSR_TSC_DEADLINE: lapic_timer_set_tsc_deadline(lapic, value); return OK;
    default: return ERR_NOT_FOUND;
    }
}
