/* SPDX-License-Identifier: MIT */
/*
 * I/O APIC; see ioapic.h.
 */
#include "vmm/device/ioapic/ioapic.h"

#include "lib/string/string.h"

enum {
    IOREGSEL = 0x00, /* window offsets */
    IOWIN = 0x10,
    IOAPICID = 0x00, /* register indices */
    IOAPICVER = 0x01,
    IOAPICARB = 0x02,
    IOREDTBL = 0x10,
};

#define VERSION          (0x11u | (IOAPIC_PINS - 1) << 16)
#define ENTRY_LOGICAL    (1ull << 11)
#define ENTRY_DELIVS     (1ull << 12)
#define ENTRY_REMOTE_IRR (1ull << 14)
#define ENTRY_LEVEL      (1ull << 15)
#define ENTRY_MASKED     (1ull << 16)
#define ENTRY_READ_ONLY  (ENTRY_DELIVS | ENTRY_REMOTE_IRR)
#define ENTRY_WRITABLE   (0xff0000000001ffffull & ~ENTRY_READ_ONLY)

static void send(struct ioapic *ioapic, unsigned pin)
{
    uint64_t entry = ioapic->entry[pin];
    struct apic_message message = {
        .delivery = entry >> 8 & 7,
        .vector = (uint8_t)entry,
        .destination = (uint8_t)(entry >> 56),
        .logical = entry & ENTRY_LOGICAL,
        .level = entry & ENTRY_LEVEL,
    };

    /* SMI, NMI, INIT and ExtINT are edges whatever the entry says (3.2.4, "Delivery Mode"): no EOI will come.
     */
    if (message.delivery > APIC_LOWEST_PRIORITY)
        message.level = false;
    if (apic_bus_deliver(ioapic->bus, &message) && message.level)
        ioapic->entry[pin] |= ENTRY_REMOTE_IRR;
}

/* A level input may have become deliverable. */
static void check_level(struct ioapic *ioapic, unsigned pin)
{
    uint64_t state = ioapic->entry[pin] & (ENTRY_LEVEL | ENTRY_MASKED | ENTRY_REMOTE_IRR);

    if (state == ENTRY_LEVEL && (ioapic->lines & (1u << pin)))
        send(ioapic, pin);
}

void ioapic_set_line(struct ioapic *ioapic, unsigned pin, bool level)
{
    uint32_t bit = 1u << (pin & 31);

    if (pin >= IOAPIC_PINS || ((ioapic->lines & bit) != 0) == level)
        return;
    ioapic->lines ^= bit;
    if (!level || (ioapic->entry[pin] & ENTRY_MASKED))
        return;
    if (ioapic->entry[pin] & ENTRY_LEVEL)
        check_level(ioapic, pin);
    else
        send(ioapic, pin);
}

void ioapic_end(struct ioapic *ioapic, uint8_t vector)
{
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        if (!(ioapic->entry[pin] & ENTRY_REMOTE_IRR) || (uint8_t)ioapic->entry[pin] != vector)
            continue;
        ioapic->entry[pin] &= ~ENTRY_REMOTE_IRR;
        check_level(ioapic, pin);
    }
}

static uint32_t read_register(const struct ioapic *ioapic)
{
    unsigned index = ioapic->select;

    if (index == IOAPICID || index == IOAPICARB)
        return (uint32_t)ioapic->id << 24;
    if (index == IOAPICVER)
        return VERSION;
    if (index >= IOREDTBL && index < IOREDTBL + 2 * IOAPIC_PINS)
        return (uint32_t)(ioapic->entry[(index - IOREDTBL) / 2] >> (index & 1 ? 32 : 0));
    return 0;
}

static void write_entry(struct ioapic *ioapic, unsigned index, uint32_t value)
{
    unsigned pin = (index - IOREDTBL) / 2;
    uint64_t half = index & 1 ? 0xffffffff00000000ull : 0x00000000ffffffffull;
    uint64_t writable = ENTRY_WRITABLE & half;
    uint64_t entry = ioapic->entry[pin];

    entry = (entry & ~writable) | (((uint64_t)value << (index & 1 ? 32 : 0)) & writable);
    if (!(entry & ENTRY_LEVEL))
        entry &= ~ENTRY_REMOTE_IRR;
    ioapic->entry[pin] = entry;
    check_level(ioapic, pin);
}

static void write_register(struct ioapic *ioapic, uint32_t value)
{
    unsigned index = ioapic->select;

    if (index == IOAPICID)
        ioapic->id = value >> 24 & 15;
    else if (index >= IOREDTBL && index < IOREDTBL + 2 * IOAPIC_PINS)
        write_entry(ioapic, index, value);
}

uint64_t ioapic_read(struct ioapic *ioapic, uint64_t offset, unsigned width)
{
    uint32_t value = 0;

    if ((offset & ~3ull) == IOREGSEL)
        value = ioapic->select;
    else if ((offset & ~3ull) == IOWIN)
        value = read_register(ioapic);
    return value >> (8 * (offset & 3)) & device_ones(width);
}

void ioapic_write(struct ioapic *ioapic, uint64_t offset, unsigned width, uint64_t value)
{
    if (offset == IOREGSEL)
        ioapic->select = (uint8_t)value;
    else if (offset == IOWIN && width == 4) /* IOWIN takes dwords only (3.1.2) */
        write_register(ioapic, (uint32_t)value);
}

void ioapic_init(struct ioapic *ioapic, uint8_t id, struct apic_bus *bus)
{
    memset(ioapic, 0, sizeof(*ioapic));
    ioapic->id = id & 15;
    ioapic->bus = bus;
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        ioapic->entry[pin] = ENTRY_MASKED;
}

DEVICE_OPS(ioapic, struct ioapic);
