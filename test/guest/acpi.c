/* SPDX-License-Identifier: MIT */
/*
 * What the test guest takes from the ACPI tables (ACPI specification 6.4, chapter 5): RSDP, XSDT or RSDT, FADT with its
 * ports, MADT with the interrupt controllers, and the sleep type of \_S5 in the DSDT. \_S5 is found by its name and the
 * package that follows; that is no AML interpreter, but the form Name(_S5, Package{...}) is the only one in use.
 */
#include "test/guest/guest.h"

struct acpi_info acpi;

struct table_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char vendor[6 + 8];
    uint32_t versions[3];
};
_Static_assert(sizeof(struct table_header) == 36, "layout is fixed by ACPI");

enum {
    FADT_DSDT = 40,
    FADT_PM1A_CONTROL = 64,
    FADT_PM_TIMER = 76,
    FADT_PM_TIMER_LENGTH = 91,
    FADT_FLAGS = 112,
    FADT_X_DSDT = 140,
    FADT_SLEEP_CONTROL = 244, /* generic address: space, width, offset, size, then 64 bits of address */
    FLAG_TIMER_32BIT = 1 << 8,
    FLAG_HARDWARE_REDUCED = 1 << 20,
};

static uint64_t read_field(uint64_t address, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)((const volatile uint8_t *)address)[i] << (8 * i);
    return value;
}

bool acpi_sum_is_zero(uint64_t address, uint32_t size)
{
    uint8_t sum = 0;
    for (uint32_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + ((const uint8_t *)address)[i]);
    return sum == 0;
}

static bool check_table(const struct table_header *table)
{
    bool ok = table->length >= sizeof(*table) && table->length < 1 << 20 &&
              acpi_sum_is_zero((uint64_t)table, table->length);
    *(ok ? &acpi.tables : &acpi.bad_tables) += 1;
    return ok;
}

static void scan_dsdt(const struct table_header *table)
{
    if (!check_table(table))
        return;
    acpi.has_dsdt = true;
    const uint8_t *bytes = (const uint8_t *)table;
    for (uint32_t i = sizeof(*table); i + 12 < table->length; i++) {
        if (!bytes_equal(bytes + i, "_S5_", 4) || bytes[i + 4] != 0x12)
            continue;
        const uint8_t *p = bytes + i + 5;
        p += 1 + (*p >> 6);                       /* package length: one to four bytes */
        p += 1;                                   /* number of elements */
        acpi.sleep_type = *p == 0x0a ? p[1] : *p; /* BytePrefix, or ZeroOp and OneOp */
        acpi.has_sleep_type = true;
        return;
    }
}

static void scan_fadt(const struct table_header *table)
{
    uint64_t fadt = (uint64_t)table;
    acpi.has_fadt = true;
    uint64_t flags = read_field(fadt + FADT_FLAGS, 4);
    if (flags & FLAG_HARDWARE_REDUCED) {
        if (table->length >= FADT_SLEEP_CONTROL + 12 && read_field(fadt + FADT_SLEEP_CONTROL, 1) == 1)
            acpi.sleep_control_port = (uint16_t)read_field(fadt + FADT_SLEEP_CONTROL + 4, 8);
    } else {
        acpi.pm1_control_port = (uint16_t)read_field(fadt + FADT_PM1A_CONTROL, 4);
    }
    if (read_field(fadt + FADT_PM_TIMER_LENGTH, 1) == 4)
        acpi.pm_timer_port = (uint16_t)read_field(fadt + FADT_PM_TIMER, 4);
    acpi.pm_timer_32bit = flags & FLAG_TIMER_32BIT;
    uint64_t dsdt = read_field(fadt + FADT_DSDT, 4);
    if (table->length >= FADT_X_DSDT + 8 && read_field(fadt + FADT_X_DSDT, 8))
        dsdt = read_field(fadt + FADT_X_DSDT, 8);
    if (dsdt)
        scan_dsdt((const struct table_header *)dsdt);
}

static void scan_madt(const struct table_header *table)
{
    uint64_t madt = (uint64_t)table;
    acpi.has_madt = true;
    acpi.lapic_address = (uint32_t)read_field(madt + 36, 4);
    for (uint64_t p = madt + 44; p + 2 <= madt + table->length;) {
        uint8_t type = (uint8_t)read_field(p, 1), length = (uint8_t)read_field(p + 1, 1);
        if (length < 2)
            break;
        if (type == 0 && (read_field(p + 4, 4) & 1)) {
            if (acpi.lapic_count++ == 1)
                acpi.second_lapic = (uint32_t)read_field(p + 3, 1);
        } else if (type == 1 && !acpi.ioapic_address) {
            acpi.ioapic_address = (uint32_t)read_field(p + 4, 4);
            acpi.ioapic_base = (uint32_t)read_field(p + 8, 4);
        } else if (type == 2 && read_field(p + 3, 1) < 16) {
            uint8_t irq = (uint8_t)read_field(p + 3, 1);
            acpi.override_pin[irq] = (uint32_t)read_field(p + 4, 4);
            acpi.override_flags[irq] = (uint16_t)read_field(p + 8, 2);
        }
        p += length;
    }
}

void acpi_scan(uint64_t rsdp)
{
    for (unsigned i = 0; i < 16; i++)
        acpi.override_pin[i] = i;
    if (!rsdp || !bytes_equal((const void *)rsdp, "RSD PTR ", 8))
        return;
    acpi.rsdp = rsdp;
    bool extended = read_field(rsdp + 15, 1) >= 2 && read_field(rsdp + 24, 8);
    const struct table_header *root = (const void *)read_field(rsdp + (extended ? 24 : 16), extended ? 8 : 4);
    unsigned width = extended ? 8 : 4;
    if (!root || !check_table(root))
        return;
    for (uint32_t offset = sizeof(*root); offset + width <= root->length; offset += width) {
        const struct table_header *table = (const void *)read_field((uint64_t)root + offset, width);
        if (!check_table(table))
            continue;
        if (bytes_equal(table->signature, "FACP", 4))
            scan_fadt(table);
        if (bytes_equal(table->signature, "APIC", 4))
            scan_madt(table);
    }
}
