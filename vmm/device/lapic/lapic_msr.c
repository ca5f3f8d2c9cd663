/* SPDX-License-Identifier: MIT */
/*
 * Local APIC: IA32_APIC_BASE with its three modes (10.4.3, 10.12.5), the TSC deadline (10.5.4.1), and the registers of
 * x2APIC mode (10.12.1.2), which are those of the page, but for a 64-bit ICR, the self IPI, and reserved bits that fault.
 */
#include "vmm/device/lapic/lapic_private.h"

#define BASE_WRITABLE 0x0000000ffffffd00ull /* 36 bits of address, EN, EXTD; BSP is kept */
#define MODE          (BASE_ENABLE | BASE_EXTENDED)
#define SVR_WRITABLE  0x1ffu
#define LVT_READ_ONLY (1u << 12 | LVT_REMOTE_IRR)

/* 10.12.5, figure 10-32: x2APIC mode is entered from xAPIC mode, and left by switching off. */
static bool mode_may_follow(unsigned before, unsigned after)
{
    switch (after) {
    case 0: return true;
    case BASE_ENABLE: return before != MODE;
    case MODE: return before != 0;
    default: return false;
    }
}

/* Switching the APIC off loses its state (10.4.3). */
static enum status write_base(struct lapic *lapic, uint64_t value)
{
    unsigned before = lapic->base & MODE, after = (unsigned)value & MODE;

    if (value & ~BASE_WRITABLE || !mode_may_follow(before, after))
        return ERR_INVALID;
    lapic->base = (value & ~(uint64_t)BASE_BSP) | (lapic->base & BASE_BSP);
    if (before && !after)
        lapic_reset(lapic);
    if (after == MODE && before != MODE) {
        lapic->ldr = lapic_extended_ldr(lapic);
        lapic->icr_high = 0;
    }
    return OK;
}

static bool is_lvt(unsigned offset)
{
    return offset >= REG_LVT && offset < REG_LVT + 0x10 * LVT_COUNT;
}

static bool readable(unsigned offset)
{
    if (is_lvt(offset) || (offset >= REG_ISR && offset <= REG_ESR))
        return true;
    switch (offset) {
    case REG_ID:
    case REG_VERSION:
    case REG_TPR:
    case REG_PPR:
    case REG_LDR:
    case REG_SVR:
    case REG_ICR_LOW:
    case REG_TIMER_INITIAL:
    case REG_TIMER_CURRENT:
    case REG_TIMER_DIVIDE: return true;
    default: return false;
    }
}

/* What may be written to a register; 64 bits only to ICR. */
static bool writable(unsigned offset, uint64_t value)
{
    if (is_lvt(offset))
        return !(value &
                 ~(uint64_t)(lapic_lvt_writable((enum lapic_lvt)((offset - REG_LVT) >> 4)) | LVT_READ_ONLY));
    switch (offset) {
    case REG_EOI:
    case REG_ESR: return value == 0;
    case REG_TPR:
    case REG_SELF_IPI: return value <= 0xff;
    case REG_SVR: return !(value & ~(uint64_t)SVR_WRITABLE);
    case REG_ICR_LOW: return !((uint32_t)value & ~LAPIC_ICR_WRITABLE);
    case REG_TIMER_INITIAL: return value <= UINT32_MAX;
    case REG_TIMER_DIVIDE: return !(value & ~0xbull);
    default: return false;
    }
}

static enum status read_extended(struct lapic *lapic, unsigned offset, uint64_t *value)
{
    if (!lapic_extended(lapic) || !readable(offset))
        return ERR_INVALID;
    if (offset == REG_ID)
        *value = lapic->id;
    else if (offset == REG_ICR_LOW)
        *value = (uint64_t)lapic->icr_high << 32 | lapic->icr_low;
    else
        *value = lapic_register_read(lapic, offset);
    return OK;
}

static enum status write_extended(struct lapic *lapic, unsigned offset, uint64_t value)
{
    if (!lapic_extended(lapic) || !writable(offset, value))
        return ERR_INVALID;
    if (offset == REG_SELF_IPI) {
        const struct apic_message message = {.delivery = APIC_FIXED, .vector = (uint8_t)value};

        lapic_deliver(lapic, &message);
        return OK;
    }
    if (offset == REG_ICR_LOW)
        lapic->icr_high = (uint32_t)(value >> 32);
    lapic_register_write(lapic, offset, (uint32_t)value);
    return OK;
}

static unsigned offset_of(uint32_t msr)
{
    return (msr - LAPIC_MSR_X2APIC) << 4;
}

enum status lapic_read_msr(struct lapic *lapic, uint32_t msr, uint64_t *value)
{
    if (msr >= LAPIC_MSR_X2APIC && msr <= LAPIC_MSR_X2APIC_LAST)
        return read_extended(lapic, offset_of(msr), value);
    switch (msr) {
    case LAPIC_MSR_APIC_BASE: *value = lapic->base; return OK;
    case LAPIC_MSR_TSC_DEADLINE: *value = lapic_timer_tsc_deadline(lapic); return OK;
    default: return ERR_NOT_FOUND;
    }
}

enum status lapic_write_msr(struct lapic *lapic, uint32_t msr, uint64_t value)
{
    if (msr >= LAPIC_MSR_X2APIC && msr <= LAPIC_MSR_X2APIC_LAST)
        return write_extended(lapic, offset_of(msr), value);
    switch (msr) {
    case LAPIC_MSR_APIC_BASE: return write_base(lapic, value);
    case LAPIC_MSR_TSC_DEADLINE: lapic_timer_set_tsc_deadline(lapic, value); return OK;
    default: return ERR_NOT_FOUND;
    }
}
