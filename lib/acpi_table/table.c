/* SPDX-License-Identifier: MIT */
/* RSDT, XSDT and what all tables have in common. */
#include "lib/acpi_table/little_endian.h"

#include "lib/range/range.h"
#include "lib/string/string.h"

enum header_field { HEADER_LENGTH = 4 };

static bool sums_to_zero(const uint8_t *bytes, uint64_t size)
{
    uint8_t sum = 0;

    for (uint64_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

enum status acpi_table_length(const void *bytes, uint64_t size, uint32_t *out)
{
    if (size < ACPI_HEADER_SIZE)
        return ERR_INVALID;
    uint32_t length = little_32((const uint8_t *)bytes + HEADER_LENGTH);

    if (length < ACPI_HEADER_SIZE || length > ACPI_TABLE_MAX)
        return ERR_INVALID;
    *out = length;
    return OK;
}

enum status acpi_table_check(const void *bytes, uint64_t size, const char *signature)
{
    uint32_t length;
    enum status status = acpi_table_length(bytes, size, &length);

    if (status != OK)
        return status;
    if (memcmp(bytes, signature, 4) != 0)
        return ERR_NOT_FOUND;
    return length <= size && sums_to_zero(bytes, length) ? OK : ERR_INVALID;
}

enum status acpi_root_entry(const void *root, unsigned index, uint64_t *address)
{
    const uint8_t *bytes = root;
    unsigned size = bytes[0] == 'X' ? 8 : 4;
    uint64_t at = ACPI_HEADER_SIZE + (uint64_t)index * size;

    if (!range_ok(at, size, table_length(root)))
        return ERR_NOT_FOUND;
    *address = size == 8 ? little_64(bytes + at) : little_32(bytes + at);
    return OK;
}
