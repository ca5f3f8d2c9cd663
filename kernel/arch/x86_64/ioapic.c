/* SPDX-License-Identifier: MIT */
/*
 * I/O APICs (82093AA datasheet, 3.2) and the old PICs, which are only silenced. Line n has vector VECTOR_LINE + n: GSIs
 * first, then messages (SDM vol. 3, 11.11), which devices send past the I/O APICs.
 *
 * A level-triggered line is masked before it is told, and unmasked by arch_gsi_unmask() after its driver has quietened
 * the device. Where the firmware's source overrides say how a line is wired, they win over the caller.
 */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/madt.h"
#include "kernel/arch/x86_64/reg.h"
#include "kernel/iommu/iommu.h"
#include "kernel/mem/memory.h"

enum ioapic_register {
    IOAPIC_SELECT = 0x00 / 4,
    IOAPIC_WINDOW = 0x10 / 4,

    IOAPIC_VERSION = 0x01,
    IOAPIC_REDIRECTION = 0x10, /* two registers a line */

    REDIRECTION_ACTIVE_LOW = 1 << 13,
    REDIRECTION_LEVEL = 1 << 15,
    REDIRECTION_MASKED = 1 << 16,
};

#define MESSAGE_ADDRESS           0xfee00000ull
#define MESSAGE_DESTINATION_SHIFT 12

#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_DATA  0xa1
#define GSI_MAX         (VECTOR_LINE_END - VECTOR_LINE)

struct ioapic {
    volatile uint32_t *registers;
    uint32_t gsi_base, lines;
    uint8_t id;
    uint16_t source;        /* its requester id */
    struct iommu *unit_opt; /* that its interrupts go through; its line n has the unit's entry n */
};

static struct ioapic ioapics[IOAPICS_MAX];
static uint32_t ioapic_count, gsi_count;
static uint32_t boot_apic_id;             /* 8 bits */
static uint16_t gsi_flags[GSI_MAX];       /* MPS INTI flags of the overrides */
static uint32_t gsi_redirection[GSI_MAX]; /* low half of the entry, as last written */
static bool lock; /* of the two above, and of the registers: CPU 0 masks without the kernel lock */

static uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t index)
{
    ioapic->registers[IOAPIC_SELECT] = index;
    return ioapic->registers[IOAPIC_WINDOW];
}

static void ioapic_write(const struct ioapic *ioapic, uint32_t index, uint32_t value)
{
    ioapic->registers[IOAPIC_SELECT] = index;
    ioapic->registers[IOAPIC_WINDOW] = value;
}

static struct ioapic *ioapic_of(unsigned line)
{
    for (uint32_t i = 0; i < ioapic_count; i++)
        if (line - ioapics[i].gsi_base < ioapics[i].lines)
            return &ioapics[i];
    return NULL;
}

/* Keeps the bits in `keep`, and sets those in `set`. */
static void gsi_change(unsigned line, uint32_t keep, uint32_t set)
{
    const struct ioapic *ioapic = ioapic_of(line);

    while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE))
        cpu_relax();
    gsi_redirection[line] = (gsi_redirection[line] & keep) | set;
    if (ioapic)
        ioapic_write(ioapic, IOAPIC_REDIRECTION + 2 * (line - ioapic->gsi_base), gsi_redirection[line]);
    __atomic_clear(&lock, __ATOMIC_RELEASE);
}

/* The upper half of a redirection: a CPU, or an entry of the unit's table. The lower halves agree. */
static void destination_set(const struct ioapic *ioapic, uint32_t index)
{
    ioapic_write(ioapic, IOAPIC_REDIRECTION + 2 * index + 1,
                 ioapic->unit_opt ? vtd_redirection_high(ioapic->gsi_base + index) : boot_apic_id << 24);
}

static void unit_set(const struct ioapic *ioapic, unsigned line)
{
    if (ioapic && ioapic->unit_opt)
        iommu_line_set(ioapic->unit_opt, line, ioapic->source, gsi_redirection[line] & REDIRECTION_LEVEL);
}

static void ioapic_route(struct ioapic *ioapic, struct iommu *unit_opt, uint16_t source)
{
    ioapic->unit_opt = unit_opt;
    ioapic->source = source;
    for (uint32_t i = 0; i < ioapic->lines; i++) {
        unit_set(ioapic, ioapic->gsi_base + i);
        while (__atomic_test_and_set(&lock, __ATOMIC_ACQUIRE))
            cpu_relax();
        destination_set(ioapic, i);
        __atomic_clear(&lock, __ATOMIC_RELEASE);
    }
}

bool arch_ioapic_remap(uint8_t id, struct iommu *unit_opt, uint16_t source)
{
    for (uint32_t i = 0; i < ioapic_count; i++)
        if (ioapics[i].id == id) {
            ioapic_route(&ioapics[i], unit_opt, source);
            return true;
        }
    return false;
}

void arch_ioapic_forget(const struct iommu *unit)
{
    for (uint32_t i = 0; i < ioapic_count; i++)
        if (ioapics[i].unit_opt == unit)
            ioapic_route(&ioapics[i], NULL, 0);
}

static void ioapic_add(const struct madt_ioapic *source)
{
    struct ioapic *ioapic = &ioapics[ioapic_count];

    if (source->gsi_base >= GSI_MAX)
        return;
    ioapic->registers = device_map(source->address);
    ioapic->gsi_base = source->gsi_base;
    ioapic->id = source->id;
    ioapic->lines = (ioapic_read(ioapic, IOAPIC_VERSION) >> 16 & 0xff) + 1;
    if (ioapic->lines > GSI_MAX - ioapic->gsi_base)
        ioapic->lines = GSI_MAX - ioapic->gsi_base;
    ioapic_count++;
    for (uint32_t i = 0; i < ioapic->lines; i++) {
        destination_set(ioapic, i);
        gsi_change(ioapic->gsi_base + i, 0, REDIRECTION_MASKED | (VECTOR_LINE + ioapic->gsi_base + i));
    }
    if (ioapic->gsi_base + ioapic->lines > gsi_count)
        gsi_count = ioapic->gsi_base + ioapic->lines;
}

void ioapic_init(const struct madt *madt)
{
    outb(PIC_MASTER_DATA, 0xff);
    outb(PIC_SLAVE_DATA, 0xff);
    boot_apic_id = cpuid(1, 0).ebx >> 24;
    for (uint32_t i = 0; i < madt->ioapic_count; i++)
        ioapic_add(&madt->ioapic[i]);
    for (uint32_t i = 0; i < madt->override_count; i++)
        if (madt->override[i].gsi < GSI_MAX)
            gsi_flags[madt->override[i].gsi] = madt->override[i].flags;
    boot_info.gsi_count = gsi_count;
}

unsigned arch_gsi_count(void)
{
    return gsi_count;
}

void arch_gsi_configure(unsigned line, bool level, bool active_low)
{
    unsigned polarity = gsi_flags[line] & 3, trigger = gsi_flags[line] >> 2 & 3;

    if (polarity)
        active_low = polarity == 3;
    if (trigger)
        level = trigger == 3;
    gsi_change(line, 0,
               REDIRECTION_MASKED | (level ? REDIRECTION_LEVEL : 0) |
                   (active_low ? REDIRECTION_ACTIVE_LOW : 0) | (VECTOR_LINE + line));
    unit_set(ioapic_of(line), line);
}

void arch_gsi_mask(unsigned line)
{
    gsi_change(line, UINT32_MAX, REDIRECTION_MASKED);
}

void arch_gsi_unmask(unsigned line)
{
    gsi_change(line, ~(uint32_t)REDIRECTION_MASKED, 0);
}

unsigned arch_line_count(void)
{
    return VECTOR_LINE_END - VECTOR_LINE;
}

struct message arch_message(unsigned line)
{
    /* Fixed delivery, edge-triggered, to the boot processor as all lines. */
    return (struct message){MESSAGE_ADDRESS | boot_apic_id << MESSAGE_DESTINATION_SHIFT, VECTOR_LINE + line};
}

struct line_target arch_line_target(unsigned line)
{
    return (struct line_target){(uint8_t)(VECTOR_LINE + line), apic_extended(), boot_apic_id};
}

void line_raised(unsigned line)
{
    if (line < gsi_count && gsi_redirection[line] & REDIRECTION_LEVEL)
        arch_gsi_mask(line);
    apic_eoi();
    interrupt_raised(line);
}
