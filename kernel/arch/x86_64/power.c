/* SPDX-License-Identifier: MIT */
/* Ends of the machine: reset, power off or leave an emulator, and stop after a panic. */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/reg.h"

#define PORT_RESET_CONTROL 0xcf9  /* PCI chipsets: 6 resets */
#define PORT_KEYBOARD      0x64   /* 8042: fe pulses the reset line */
#define PORT_DEBUG_EXIT    0xf4   /* QEMU isa-debug-exit */
#define PORT_ACPI_PIIX4    0x604  /* PM1a control as QEMU's firmware places it: SLP_EN, type 0 */
#define PORT_BOCHS         0x8900 /* Bochs: "Shutdown" */
#define ACPI_POWER_OFF     0x2000
#define PANIC_EXIT_CODE    0x7fu

static void halt_forever(void)
{
    for (;;)
        asm volatile("cli; hlt");
}

void arch_machine_reset(void)
{
    struct __attribute__((packed)) {
        uint16_t limit;
        uint64_t base;
    } nothing = {0};

    outb(PORT_RESET_CONTROL, 6);
    outb(PORT_KEYBOARD, 0xfe);
    asm volatile("lidt %0; int3" : : "m"(nothing)); /* triple fault */
    for (;;)
        halt_forever();
}

void arch_machine_exit(uint64_t code)
{
    cpus_halt_others();
    outl(PORT_DEBUG_EXIT, (uint32_t)code);
    outw(PORT_ACPI_PIIX4, ACPI_POWER_OFF);
    for (const char *c = "Shutdown"; *c; c++)
        outb(PORT_BOCHS, (uint8_t)*c);
    for (;;)
        halt_forever();
}

/* A machine with the exit device is a test's, which wants to know at once; all others keep showing the message. */
void arch_panic_stop(void)
{
    outl(PORT_DEBUG_EXIT, PANIC_EXIT_CODE);
    for (;;)
        halt_forever();
}
