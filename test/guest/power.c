/* SPDX-License-Identifier: MIT */
/*
 * Ways out of the machine. Power-off goes where the FADT says (PM1a control, or the sleep control register of a
 * hardware-reduced platform), with the sleep type that the DSDT gives for S5; if the machine is still there after half
 * a second, it is reset, so that a runner need not wait for its time limit.
 */
#include "test/guest/guest.h"

enum { SLEEP_ENABLE = 1 << 13 };

_Noreturn void power_reset(void)
{
    interrupts_disable();
    outb(PORT_RESET, 2); /* system reset, when bit 2 rises */
    outb(PORT_RESET, 6);
    for (;;)
        asm volatile("hlt");
}

_Noreturn void power_off(void)
{
    interrupts_disable();
    if (acpi.sleep_control_port) {
        outb(acpi.sleep_control_port, (uint8_t)(acpi.sleep_type << 2 | 1 << 5));
    } else if (acpi.pm1_control_port) {
        uint16_t control = inw(acpi.pm1_control_port) & 0xc3ff;
        outw(acpi.pm1_control_port, (uint16_t)(control | acpi.sleep_type << 10 | SLEEP_ENABLE));
    }
    time_delay_us(500000);
    print("guest: ACPI power-off did not work, resetting\n");
    power_reset();
}
