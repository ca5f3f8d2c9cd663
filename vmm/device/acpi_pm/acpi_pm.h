/* SPDX-License-Identifier: MIT */
/*
 * ACPI fixed hardware: PM1 event and control blocks and the power-management timer.
 *
 * Source: ACPI Specification 6.4, sections 4.8.3.1 (PM1 event grouping), 4.8.3.2 (PM1 control), 4.8.3.3 (PM
 * timer).
 *
 * The registers lie in one window of ACPI_PM_SIZE ports; the FADT describes them at these offsets. The
 * machine is always in ACPI mode (SCI_EN reads 1, the FADT has no SMI_CMD). SLP_EN with the sleep type of S5
 * calls `power_off`; with any other type nothing happens. The SCI is level-triggered.
 *
 * Not modelled: GPE blocks, sources of the RTC, sleep-button and global-lock events, S1 to S4.
 */
#ifndef VMM_DEVICE_ACPI_PM_ACPI_PM_H
#define VMM_DEVICE_ACPI_PM_ACPI_PM_H

#include "vmm/device/device.h"

#define ACPI_PM_TIMER_HZ 3579545ull
#define ACPI_PM_SIZE     16u /* window, in ports */
#define ACPI_PM1_EVT     0u  /* PM1a_EVT_BLK: PM1_STS and PM1_EN, two bytes each */
#define ACPI_PM1_CNT     4u  /* PM1a_CNT_BLK: two bytes */
#define ACPI_PM_TMR      8u  /* PM_TMR_BLK: four bytes, 32 bits wide (FADT: TMR_VAL_EXT = 1) */
#define ACPI_PM_S5_TYPE  5u  /* SLP_TYPa that the DSDT's \_S5 must give */

struct acpi_pm {
    struct device_clock clock;
    struct irq_line sci;
    void (*power_off)(void *context);
    void *context;
    uint16_t status, enable, control;
    uint64_t carry;    /* nanoseconds at which bit 31 of the timer next changes */
    uint64_t deadline; /* the same while its interrupt is enabled */
};

void acpi_pm_init(struct acpi_pm *pm, struct device_clock clock, struct irq_line sci,
                  void (*power_off)(void *context), void *context);

uint64_t acpi_pm_read(struct acpi_pm *pm, uint64_t offset, unsigned width);
void acpi_pm_write(struct acpi_pm *pm, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops acpi_pm_ops;

static inline uint64_t acpi_pm_deadline(const struct acpi_pm *pm)
{
    return pm->deadline;
}
void acpi_pm_expire(struct acpi_pm *pm, uint64_t now);

#endif
