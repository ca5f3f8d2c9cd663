/* SPDX-License-Identifier: MIT */
/*
 * What the sources of the local APIC share: register bits and the functions between them.
 *
 *   lapic.c        registers, priorities, acceptance
 *   lapic_local.c  local vector table, error register
 *   lapic_timer.c  timer
 *   lapic_icr.c    interrupt command register
 *   lapic_msr.c    MSRs: base, TSC deadline, x2APIC registers
 */
#ifndef VMM_DEVICE_LAPIC_LAPIC_PRIVATE_H
#define VMM_DEVICE_LAPIC_LAPIC_PRIVATE_H

#include "vmm/device/lapic/lapic.h"

/* Register offsets (10.4.1, table 10-1). */
enum {
    REG_ID = 0x020,
    REG_VERSION = 0x030,
    REG_TPR = 0x080,
    REG_APR = 0x090,
    REG_PPR = 0x0a0,
    REG_EOI = 0x0b0,
    REG_RRD = 0x0c0,
    REG_LDR = 0x0d0,
    REG_DFR = 0x0e0,
    REG_SVR = 0x0f0,
    REG_ISR = 0x100,
    REG_TMR = 0x180,
    REG_IRR = 0x200,
    REG_ESR = 0x280,
    REG_ICR_LOW = 0x300,
    REG_ICR_HIGH = 0x310,
    REG_LVT = 0x320,
    REG_TIMER_INITIAL = 0x380,
    REG_TIMER_CURRENT = 0x390,
    REG_TIMER_DIVIDE = 0x3e0,
    REG_SELF_IPI = 0x3f0, /* x2APIC only */
};

enum {
    LVT_VECTOR = 0xff,
    LVT_DELIVERY_SHIFT = 8,
    LVT_POLARITY = 1 << 13,
    LVT_REMOTE_IRR = 1 << 14,
    LVT_MASKED = 1 << 16,
    LVT_TIMER_SHIFT = 17,
    SVR_ENABLE = 1 << 8,
    ESR_SEND_ILLEGAL = 1 << 5,
    ESR_RECEIVE_ILLEGAL = 1 << 6,
    ESR_ILLEGAL_REGISTER = 1 << 7,
    BASE_BSP = 1 << 8,
    BASE_EXTENDED = 1 << 10, /* x2APIC mode */
    BASE_ENABLE = 1 << 11,
};

enum lapic_timer_mode { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_TSC_DEADLINE };

static inline bool lapic_software_enabled(const struct lapic *lapic)
{
    return lapic->svr & SVR_ENABLE;
}

static inline bool lapic_extended(const struct lapic *lapic)
{
    return lapic->base & BASE_EXTENDED;
}

/* Registers at page offsets, the same in both modes. */
uint32_t lapic_register_read(struct lapic *lapic, unsigned offset);
void lapic_register_write(struct lapic *lapic, unsigned offset, uint32_t value);

/* The logical ID that x2APIC mode derives from the ID (10.12.10.2). */
uint32_t lapic_extended_ldr(const struct lapic *lapic);

/* Bits of an LVT entry that can be written. */
uint32_t lapic_lvt_writable(enum lapic_lvt index);

/* A vector arrives, from wherever. Illegal ones become errors. */
void lapic_accept(struct lapic *lapic, uint8_t vector, bool level);

void lapic_raise_error(struct lapic *lapic, uint32_t bit);
void lapic_write_lvt(struct lapic *lapic, enum lapic_lvt index, uint32_t value);
void lapic_mask_all(struct lapic *lapic);
void lapic_lvt_fire(struct lapic *lapic, enum lapic_lvt index);

void lapic_timer_reset(struct lapic *lapic);
void lapic_timer_settle(struct lapic *lapic, uint64_t now);
void lapic_timer_mode_changed(struct lapic *lapic, uint32_t before);
void lapic_timer_set_initial(struct lapic *lapic, uint32_t value);
void lapic_timer_set_divide(struct lapic *lapic, uint32_t value);
uint32_t lapic_timer_current(struct lapic *lapic);
uint64_t lapic_timer_tsc_deadline(struct lapic *lapic);
void lapic_timer_set_tsc_deadline(struct lapic *lapic, uint64_t tsc);

#define LAPIC_ICR_WRITABLE 0x000ccfffu /* delivery status (12) reads idle: messages take no time */

void lapic_write_icr(struct lapic *lapic, uint32_t value);

#endif
