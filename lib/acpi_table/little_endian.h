/* SPDX-License-Identifier: MIT */
/*
 * Numbers of any alignment in a table; private to this library.
 */
#ifndef LIB_ACPI_TABLE_LITTLE_ENDIAN_H
#define LIB_ACPI_TABLE_LITTLE_ENDIAN_H

#include "lib/acpi_table/acpi_table.h"

static inline uint16_t little_16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t little_32(const uint8_t *bytes)
{
    return little_16(bytes) | (uint32_t)little_16(bytes + 2) << 16;
}

static inline uint64_t little_64(const uint8_t *bytes)
{
    return little_32(bytes) | (uint64_t)little_32(bytes + 4) << 32;
}

/* Of a table that was checked. */
static inline uint64_t table_length(const void *table)
{
    return little_32((const uint8_t *)table + 4);
}

#endif
