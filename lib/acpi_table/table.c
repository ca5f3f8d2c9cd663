/* SPDX-License-Identifier: MIT */
/* RSDP, RSDT, XSDT and what all tables have in common. */
#include "lib/acpi_table/little_endian.h"

#include "lib/range/range.h"
#include "lib/string/string.h"

enum rsdp_field {
    RSDP_REVISION = 15, /* 0: ACPI 1.0, without the fields from LENGTH on */
    RSDP_RSDT = 16,
    RSDP_LENGTH = 20,
    RSDP_XSDT = 24,
};

enum header_field { HEADER_LENGTH = 4 };

static bool sums_to_zero(const uint8_t *bytes, uint64_t size)
{
    uint8_t sum = 0;

    for (uint64_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

static bool extended(const uint8_t *rsdp, uint64_t size)
{
    return rsdp[RSDP_REVISION] >= 2 && size >= ACPI_RSDP_SIZE && sums_to_zero(rsdp, ACPI_RSDP_SIZE) &&
           little_32(rsdp + RSDP_LENGTH) == ACPI_RSDP_SIZE;
}

enum status acpi_rsdp_read(const void *bytes, uint64_t size, struct acpi_root *out)
{
    const uint8_t *rsdp = bytes;
    struct acpi_root root = {.entry_size = 4};

    if (size < ACPI_RSDP_SIZE_MIN || memcmp(rsdp, "RSD PTR ", 8) != 0 || !sums_to_zero(rsdp, ACPI_RSDP_SIZE_MIN))
        return ERR_INVALID;
    root.address = little_32(rsdp + RSDP_RSDT);
    if (extended(rsdp, size) && little_64(rsdp + RSDP_XSDT) != 0)
        root = (struct acpi_root){little_64(rsdp + RSDP_XSDT), 8};
    if (root.address == 0)
        return ERR_INVALID;
    *out = root;
    return OK;
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

enum status acpi_root_entry(const void *root, unsigned entry_size, unsigned index, uint64_t *address)
{
    const uint8_t *bytes = root;
    uint64_t at = ACPI_HEADER_SIZE + (uint64_t)index * entry_size;

    if (!range_ok(at, entry_size, table_length(root)))
        return ERR_NOT_FOUND;
    *address = entry_size == 8 ? little_64(bytes + at) : little_32(bytes + at);
    return OK;
}
