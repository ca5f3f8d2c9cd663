/* SPDX-License-Identifier: MIT */
#include "kernel/arch/x86_64/madt.h"

#include <stddef.h>

#define PC_LOCAL_APIC 0xfee00000u
#define PC_IOAPIC     0xfec00000u

#define OFFSET_LOCAL_APIC 36u /* behind the header that all tables have */
#define OFFSET_ENTRIES    44u

/* Entries: type, length, then what madt_entry() reads. */
enum madt_type {
    MADT_LOCAL_APIC = 0,
    MADT_IOAPIC = 1,
    MADT_OVERRIDE = 2,
    MADT_LOCAL_APIC_ADDRESS = 5,
    MADT_LOCAL_X2APIC = 9,
};

#define CPU_ENABLED 1u

static uint32_t read32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Firmware may list a CPU in both formats. */
static void cpu_add(uint32_t apic_id, uint32_t flags, struct madt *out)
{
    if (!(flags & CPU_ENABLED))
        return;
    for (uint32_t i = 0; i < out->cpu_count; i++)
        if (out->apic_id[i] == apic_id)
            return;
    if (out->cpu_count == MADT_CPUS_MAX)
        out->cpus_omitted++;
    else
        out->apic_id[out->cpu_count++] = apic_id;
}

static void madt_entry(const uint8_t *entry, uint32_t length, struct madt *out)
{
    if (entry[0] == MADT_LOCAL_APIC && length >= 8) {
        cpu_add(entry[3], read32(entry + 4), out);
    } else if (entry[0] == MADT_LOCAL_X2APIC && length >= 16) {
        cpu_add(read32(entry + 4), read32(entry + 8), out);
    } else if (entry[0] == MADT_IOAPIC && length >= 12 && out->ioapic_count < IOAPICS_MAX) {
        out->ioapic[out->ioapic_count++] =
            (struct madt_ioapic){read32(entry + 4), read32(entry + 8), entry[2]};
    } else if (entry[0] == MADT_OVERRIDE && length >= 10 && out->override_count < OVERRIDES_MAX) {
        out->override[out->override_count++] =
            (struct madt_override){read32(entry + 4), (uint16_t)(entry[8] | entry[9] << 8)};
    } else if (entry[0] == MADT_LOCAL_APIC_ADDRESS && length >= 12) {
        out->local_apic = read32(entry + 4) | (uint64_t)read32(entry + 8) << 32;
    }
}

void madt_parse(const uint8_t *table, uint32_t length, struct madt *out)
{
    *out = (struct madt){.local_apic = PC_LOCAL_APIC};
    if (length >= OFFSET_ENTRIES)
        out->local_apic = read32(table + OFFSET_LOCAL_APIC);
    for (uint32_t at = OFFSET_ENTRIES; at < length && length - at >= 2;) {
        uint32_t size = table[at + 1];

        if (size < 2 || size > length - at)
            break;
        madt_entry(table + at, size, out);
        at += size;
    }
    if (!out->ioapic_count)
        out->ioapic[out->ioapic_count++] = (struct madt_ioapic){PC_IOAPIC, 0, 0};
}
