/* SPDX-License-Identifier: MIT */
/* DMAR: the IOMMUs of the machine and which devices are behind which (VT-d, chapter 8). */
#include "lib/acpi_table/little_endian.h"

#include "lib/range/range.h"

#define STRUCTURES 48u /* behind header, address width, flags and 10 reserved bytes */

enum dmar_field { DMAR_FLAGS = 37 };
enum dmar_flag { DMAR_INTERRUPT_REMAPPING = 1u << 0 };

enum structure_field { STRUCTURE_TYPE = 0, STRUCTURE_LENGTH = 2, STRUCTURE_HEADER = 4 };

enum unit_field { UNIT_FLAGS = 4, UNIT_SEGMENT = 6, UNIT_REGISTERS = 8, UNIT_SCOPES = 16 };
enum unit_flag { UNIT_ALL = 1u << 0 };

enum reserved_field { RESERVED_SEGMENT = 6, RESERVED_BASE = 8, RESERVED_LIMIT = 16, RESERVED_SCOPES = 24 };

enum scope_field { SCOPE_TYPE = 0, SCOPE_LENGTH = 1, SCOPE_ID = 4, SCOPE_START_BUS = 5, SCOPE_PATH = 6 };

static enum status read_unit(const uint8_t *bytes, uint64_t length, struct acpi_dmar *out)
{
    if (length < UNIT_SCOPES || little_64(bytes + UNIT_REGISTERS) == 0 ||
        little_64(bytes + UNIT_REGISTERS) % 4096 != 0)
        return ERR_INVALID;
    *out = (struct acpi_dmar){
        .type = ACPI_DMAR_UNIT,
        .segment = little_16(bytes + UNIT_SEGMENT),
        .all = bytes[UNIT_FLAGS] & UNIT_ALL,
        .base = little_64(bytes + UNIT_REGISTERS),
        .scope = bytes + UNIT_SCOPES,
        .scope_size = length - UNIT_SCOPES,
    };
    return OK;
}

static enum status read_reserved(const uint8_t *bytes, uint64_t length, struct acpi_dmar *out)
{
    if (length < RESERVED_SCOPES || little_64(bytes + RESERVED_LIMIT) < little_64(bytes + RESERVED_BASE))
        return ERR_INVALID;
    *out = (struct acpi_dmar){
        .type = ACPI_DMAR_RESERVED,
        .segment = little_16(bytes + RESERVED_SEGMENT),
        .base = little_64(bytes + RESERVED_BASE),
        .limit = little_64(bytes + RESERVED_LIMIT),
        .scope = bytes + RESERVED_SCOPES,
        .scope_size = length - RESERVED_SCOPES,
    };
    return OK;
}

bool acpi_dmar_remaps(const void *table)
{
    return table_length(table) > DMAR_FLAGS &&
           ((const uint8_t *)table)[DMAR_FLAGS] & DMAR_INTERRUPT_REMAPPING;
}

enum status acpi_dmar_next(const void *table, uint64_t *cursor, struct acpi_dmar *out)
{
    uint64_t at = *cursor ? *cursor : STRUCTURES, limit = table_length(table);
    const uint8_t *bytes = (const uint8_t *)table + at;
    enum status status = OK;

    if (!range_ok(at, STRUCTURE_HEADER, limit))
        return ERR_NOT_FOUND;
    uint64_t length = little_16(bytes + STRUCTURE_LENGTH);
    unsigned type = little_16(bytes + STRUCTURE_TYPE);

    if (length < STRUCTURE_HEADER || !range_ok(at, length, limit))
        return ERR_INVALID;
    if (type == ACPI_DMAR_UNIT)
        status = read_unit(bytes, length, out);
    else if (type == ACPI_DMAR_RESERVED)
        status = read_reserved(bytes, length, out);
    else
        *out = (struct acpi_dmar){.type = type};
    if (status == OK)
        *cursor = at + length;
    return status;
}

enum status acpi_dmar_scope(const struct acpi_dmar *structure, uint64_t *cursor, struct acpi_scope *out)
{
    if (!range_ok(*cursor, SCOPE_PATH, structure->scope_size))
        return ERR_NOT_FOUND;
    const uint8_t *bytes = structure->scope + *cursor;
    uint64_t length = bytes[SCOPE_LENGTH];
    uint64_t steps = length < SCOPE_PATH ? 0 : (length - SCOPE_PATH) / 2;

    if (steps == 0 || steps > ACPI_SCOPE_PATH_MAX || !range_ok(*cursor, length, structure->scope_size))
        return ERR_INVALID;
    *out = (struct acpi_scope){
        .type = bytes[SCOPE_TYPE],
        .id = bytes[SCOPE_ID],
        .start_bus = bytes[SCOPE_START_BUS],
        .length = (unsigned)steps,
    };
    for (uint64_t i = 0; i < steps; i++) {
        out->device[i] = bytes[SCOPE_PATH + 2 * i] & 31;
        out->function[i] = bytes[SCOPE_PATH + 2 * i + 1] & 7;
    }
    *cursor += length;
    return OK;
}
