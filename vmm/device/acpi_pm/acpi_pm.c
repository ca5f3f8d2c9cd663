/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware; see acpi_pm.h.
 */
#include "vmm/device/acpi_pm/acpi_pm.h"

#include "lib/string/string.h"
#include "vmm/device/ticks.h"

enum {
    PM1_TMR = 1 << 0, /* TMR_STS and TMR_EN: bit 31 of the timer changed */
    PM1_GBL = 1 << 5,
    PM1_PWRBTN = 1 << 8,
    PM1_SLPBTN = 1 << 9, /* never happens, but can be enabled: ACPICA checks what it wrote */
    PM1_RTC = 1 << 10,   /* the same */
    PM1_EVENTS = PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_SLPBTN | PM1_RTC,
    PM1_CNT_SCI_EN = 1 << 0,
    PM1_CNT_BM_RLD = 1 << 1,
    PM1_CNT_SLP_TYP = 7 << 10,
    PM1_CNT_SLP_EN = 1 << 13,
    PM1_CNT_KEPT = PM1_CNT_BM_RLD | PM1_CNT_SLP_TYP,
};

static void update_sci(struct acpi_pm *pm)
{
    irq_line_set(&pm->sci, (pm->status & pm->enable) != 0);
}

static uint64_t next_carry(uint64_t now)
{
    uint64_t tick = ticks_from_ns(now, ACPI_PM_TIMER_HZ);

    return ticks_to_ns((tick | 0x7fffffff) + 1, ACPI_PM_TIMER_HZ);
}

/* Notes a change of bit 31 up to now, and keeps a deadline only when somebody waits for it. */
static void settle(struct acpi_pm *pm, uint64_t now)
{
    if (now >= pm->carry) {
        pm->status |= PM1_TMR;
        pm->carry = next_carry(now);
    }
    pm->deadline = pm->enable & PM1_TMR ? pm->carry : DEVICE_NO_DEADLINE;
}

void acpi_pm_expire(struct acpi_pm *pm, uint64_t now)
{
    if (now < pm->deadline)
        return;
    settle(pm, now);
    update_sci(pm);
}

uint64_t acpi_pm_read(struct acpi_pm *pm, uint64_t offset, unsigned width)
{
    uint64_t now = device_now(&pm->clock);
    uint64_t value = 0;

    offset &= ACPI_PM_SIZE - 1;
    if ((offset & ~3ull) == ACPI_PM_TMR) {
        value = (uint32_t)ticks_from_ns(now, ACPI_PM_TIMER_HZ);
    } else if ((offset & ~3ull) == ACPI_PM1_EVT) {
        settle(pm, now);
        value = pm->status | (uint32_t)pm->enable << 16;
    } else if ((offset & ~3ull) == ACPI_PM1_CNT) {
        value = pm->control | PM1_CNT_SCI_EN;
    }
    return value >> (8 * (offset & 3)) & device_ones(width);
}

/* One byte lane at a time: that makes every width and alignment right. */
static void write_byte(struct acpi_pm *pm, unsigned offset, uint8_t byte)
{
    unsigned shift = 8 * (offset & 1);
    uint16_t lane = (uint16_t)(0xff << shift);
    uint16_t value = (uint16_t)(byte << shift);

    switch (offset & ~1u) {
    case ACPI_PM1_EVT: /* PM1_STS: writing a one clears */ pm->status &= (uint16_t)~value; break;
    case ACPI_PM1_EVT + 2: pm->enable = (uint16_t)(((pm->enable & ~lane) | value) & PM1_EVENTS); break;
    case ACPI_PM1_CNT:
        pm->control = (uint16_t)(((pm->control & ~lane) | value) & PM1_CNT_KEPT);
        if ((value & PM1_CNT_SLP_EN) && (pm->control & PM1_CNT_SLP_TYP) >> 10 == ACPI_PM_S5_TYPE)
            pm->power_off(pm->context);
        break;
    default: break;
    }
}

void acpi_pm_write(struct acpi_pm *pm, uint64_t offset, unsigned width, uint64_t value)
{
    uint64_t now = device_now(&pm->clock);

    settle(pm, now);
    for (unsigned i = 0; i < width && i < 8; i++)
        write_byte(pm, (unsigned)((offset + i) & (ACPI_PM_SIZE - 1)), (uint8_t)(value >> (8 * i)));
    settle(pm, now);
    update_sci(pm);
}

void acpi_pm_init(struct acpi_pm *pm, struct device_clock clock, struct irq_line sci,
                  void (*power_off)(void *context), void *context)
{
    memset(pm, 0, sizeof(*pm));
    pm->clock = clock;
    pm->sci = sci;
    pm->power_off = power_off;
    pm->context = context;
    pm->carry = next_carry(device_now(&clock));
    pm->deadline = DEVICE_NO_DEADLINE;
}

DEVICE_OPS(acpi_pm, struct acpi_pm);
