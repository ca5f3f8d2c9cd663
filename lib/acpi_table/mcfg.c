/* SPDX-License-Identifier: MIT */
/* MCFG: where configuration space is memory. */
#include "lib/acpi_table/little_endian.h"

#include "lib/range/range.h"

#define ENTRIES    44u /* behind the header and 8 reserved bytes */
#define ENTRY_SIZE 16u
#define BUS_SIZE   (1ull << 20)
#define SPACE_END  (1ull << 52)

enum entry_field { ENTRY_BASE = 0, ENTRY_SEGMENT = 8, ENTRY_FIRST_BUS = 10, ENTRY_LAST_BUS = 11 };

enum status acpi_mcfg_entry(const void *table, unsigned index, struct acpi_ecam *out)
{
    uint64_t at = ENTRIES + (uint64_t)index * ENTRY_SIZE;

    if (!range_ok(at, ENTRY_SIZE, table_length(table)))
        return ERR_NOT_FOUND;
    const uint8_t *entry = (const uint8_t *)table + at;
    struct acpi_ecam ecam = {
        .base = little_64(entry + ENTRY_BASE),
        .segment = little_16(entry + ENTRY_SEGMENT),
        .first_bus = entry[ENTRY_FIRST_BUS],
        .last_bus = entry[ENTRY_LAST_BUS],
    };

    if (ecam.base == 0 || ecam.base % BUS_SIZE != 0 || ecam.last_bus < ecam.first_bus ||
        !range_ok(ecam.base, (ecam.last_bus + 1ull) * BUS_SIZE, SPACE_END))
        return ERR_INVALID;
    *out = ecam;
    return OK;
}
