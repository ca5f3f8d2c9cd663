/* SPDX-License-Identifier: MIT */
/*
 * The interrupt controllers and the PIT: two 8259, the local APIC, the IOAPIC, found through ACPI. platform_quiet
 * brings all of them into one known state: nothing can interrupt, the local APIC accepts every priority.
 */
#include "test/guest/guest.h"

uintptr_t lapic_base, ioapic_base;

uint32_t lapic_read(uint32_t offset)
{
    return *(const volatile uint32_t *)(lapic_base + offset);
}

void lapic_write(uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(lapic_base + offset) = value;
}

bool lapic_vector_pending(uint32_t bank, uint8_t vector)
{
    return lapic_read(bank + vector / 32 * 16) >> (vector % 32) & 1;
}

uint32_t ioapic_read(uint8_t index)
{
    *(volatile uint32_t *)ioapic_base = index;
    return *(const volatile uint32_t *)(ioapic_base + 0x10);
}

void ioapic_write(uint8_t index, uint32_t value)
{
    *(volatile uint32_t *)ioapic_base = index;
    *(volatile uint32_t *)(ioapic_base + 0x10) = value;
}

unsigned ioapic_pin(unsigned irq)
{
    return acpi.override_pin[irq] - acpi.ioapic_base;
}

void ioapic_route_isa(unsigned irq, uint8_t vector)
{
    uint16_t flags = acpi.override_flags[irq];
    uint32_t entry = vector;
    if ((flags & 3) == 3)
        entry |= IOAPIC_LOW_ACTIVE;
    if ((flags >> 2 & 3) == 3)
        entry |= IOAPIC_LEVEL;
    unsigned pin = ioapic_pin(irq);
    ioapic_write((uint8_t)(0x11 + 2 * pin), lapic_read(LAPIC_ID)); /* ID: bits 24 to 31 in both registers */
    ioapic_write((uint8_t)(0x10 + 2 * pin), entry);
}

void pic_set_mask(uint16_t mask)
{
    outb(PORT_PIC_MASTER + 1, (uint8_t)mask);
    outb(PORT_PIC_SLAVE + 1, (uint8_t)(mask >> 8));
}

static void pic_init(void)
{
    outb(PORT_PIC_MASTER, 0x11);
    outb(PORT_PIC_SLAVE, 0x11);
    outb(PORT_PIC_MASTER + 1, VECTOR_PIC);
    outb(PORT_PIC_SLAVE + 1, VECTOR_PIC + 8);
    outb(PORT_PIC_MASTER + 1, 4); /* slave on line 2 */
    outb(PORT_PIC_SLAVE + 1, 2);
    outb(PORT_PIC_MASTER + 1, 1);
    outb(PORT_PIC_SLAVE + 1, 1);
    pic_set_mask(0xffff);
}

/* Channel 0, both bytes; a divisor of 0 means 65536. */
void pit_start(uint8_t mode, uint16_t divisor)
{
    outb(PORT_PIT_COMMAND, (uint8_t)(0x30 | mode << 1));
    outb(PORT_PIT_CHANNEL0, (uint8_t)divisor);
    outb(PORT_PIT_CHANNEL0, (uint8_t)(divisor >> 8));
}

void platform_quiet(void)
{
    interrupts_disable();
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    lapic_write(LAPIC_LVT_LINT0, LVT_MASKED | LVT_EXTERNAL);
    pic_set_mask(0xffff);
    for (unsigned pin = 0; pin <= (ioapic_read(1) >> 16 & 0xff); pin++)
        ioapic_write((uint8_t)(0x10 + 2 * pin), IOAPIC_MASKED);
    outb(PORT_COM1 + 1, 0);
    pit_start(0, 0xffff); /* one shot, far away, then silent */
    interrupts_enable();  /* what is pending from before arrives now and is forgotten */
    time_delay_us(50);
    interrupts_disable();
    trap_reset();
}

void platform_init(void)
{
    lapic_base = rdmsr(MSR_APIC_BASE) & 0xffffff000ul;
    ioapic_base = acpi.ioapic_address ? acpi.ioapic_address : 0xfec00000ul;
    pic_init();
    lapic_write(LAPIC_SVR, 0x100 | VECTOR_SPURIOUS);
    lapic_write(LAPIC_TIMER_DIVIDE, 3); /* by 16 */
}
