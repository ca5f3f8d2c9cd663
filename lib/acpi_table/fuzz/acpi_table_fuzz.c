/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as each kind of table: with the length and the checksum that they claim, and with these repaired, so that
 * the lists behind them are reached.
 */
#include "lib/acpi_table/acpi_table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_root(const void *table)
{
    uint64_t address;

    for (unsigned i = 0; acpi_root_entry(table, i, &address) == OK; i++)
        continue;
}

static void use_mcfg(const void *table)
{
    struct acpi_ecam ecam;
    enum status status;

    for (unsigned i = 0; (status = acpi_mcfg_entry(table, i, &ecam)) != ERR_NOT_FOUND; i++)
        if (status == OK && ecam.first_bus > ecam.last_bus)
            abort();
}

static void use_dmar(const void *table)
{
    uint64_t at = 0;
    struct acpi_dmar dmar;
    struct acpi_scope scope;

    while (acpi_dmar_next(table, &at, &dmar) == OK)
        for (uint64_t inner = 0; acpi_dmar_scope(&dmar, &inner, &scope) == OK;)
            if (scope.length == 0 || scope.length > ACPI_SCOPE_PATH_MAX)
                abort();
}

static void use(const void *table, uint64_t size, const char *signature)
{
    if (acpi_table_check(table, size, signature) != OK)
        return;
    use_root(table);
    use_mcfg(table);
    use_dmar(table);
}

static void repair(uint8_t *table, size_t size, const char *signature)
{
    uint8_t sum = 0;

    memcpy(table, signature, 4);
    table[4] = (uint8_t)size;
    table[5] = (uint8_t)(size >> 8);
    table[6] = (uint8_t)(size >> 16);
    table[7] = 0;
    table[9] = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + table[i]);
    table[9] = (uint8_t)-sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const signatures[] = {"DMAR", "XSDT"};
    uint8_t *copy;

    use(data, size, "DMAR");
    if (size < ACPI_HEADER_SIZE || size > ACPI_TABLE_MAX)
        return 0;
    copy = malloc(size); /* of exactly this size, so that a byte too far is seen */
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    for (unsigned i = 0; i < 2; i++) {
        repair(copy, size, signatures[i]);
        use(copy, size, signatures[i]);
    }
    free(copy);
    return 0;
}
