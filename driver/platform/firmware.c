/* SPDX-License-Identifier: MIT */
/* Finding ACPI tables, see firmware.h. */
#include "driver/platform/firmware.h"

#include "contract/rom/client.h"
#include "driver/platform/registers.h"
#include "lib/acpi_table/acpi_table.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/session.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"
#include "lib/xml/xml.h"

/* The ROM platform_info: <platform_info><acpi root="0x..."/></platform_info> */
#define INFO_ROM    "platform_info"
#define INFO_TABLES "acpi"
#define INFO_ROOT   "root"

#define TABLES_MOST 256u /* entries of the root table that are looked at */

static const void *root_opt; /* RSDT or XSDT */

/* Copies `size` bytes of reserved memory. The range is given back, since tables share pages. */
static enum status copy(uint64_t physical, uint64_t size, void *out)
{
    struct connection connection;
    volatile void *memory;
    enum status status = registers_map(physical, size, &connection, &memory);

    if (status != OK)
        return status;
    memcpy(out, (const void *)memory, size);
    memory_detach((void *)((uint64_t)memory & ~(PAGE_SIZE - 1)));
    session_close(&connection);
    return OK;
}

/* The whole table at an address, if it has this signature. */
static enum status load(uint64_t physical, const char *signature, const void **out)
{
    uint8_t header[ACPI_HEADER_SIZE];
    uint32_t length = 0;
    enum status status = copy(physical, sizeof(header), header);

    if (status == OK)
        status = acpi_table_length(header, sizeof(header), &length);
    if (status != OK)
        return status;
    if (memcmp(header, signature, 4) != 0)
        return ERR_NOT_FOUND;
    uint8_t *table = heap_alloc(length);

    if (!table)
        return ERR_NO_RAM;
    status = copy(physical, length, table);
    if (status == OK)
        status = acpi_table_check(table, length, signature);
    if (status != OK)
        heap_free(table);
    else
        *out = table;
    return status;
}

/* ---- the root ---- */

static enum status read_info(struct rom_reader *reader, uint64_t *address)
{
    struct xml_error error;
    struct xml_node info, acpi;
    enum status status = rom_update(reader);

    if (status != OK)
        return status;
    if (xml_validate(reader->rom.data, reader->rom.size, &error) != OK ||
        !xml_root(reader->rom.data, reader->rom.size, &info) ||
        !xml_first_child_named(info, INFO_TABLES, &acpi))
        return ERR_INVALID;
    return xml_attribute_unsigned(acpi, INFO_ROOT, address);
}

static enum status find_root(void)
{
    struct rom_reader reader;
    uint64_t address = 0;
    enum status status = rom_open(INFO_ROM, 0, &reader);

    if (status != OK)
        return status;
    status = read_info(&reader, &address);
    rom_close(&reader);
    if (status == OK && address == 0)
        status = ERR_NOT_FOUND;
    if (status == OK)
        status = load(address, "XSDT", &root_opt);
    if (status == ERR_NOT_FOUND && address != 0)
        status = load(address, "RSDT", &root_opt);
    return status;
}

enum status firmware_table(const char *signature, const void **out)
{
    uint64_t address;

    if (!root_opt)
        return ERR_NOT_FOUND;
    for (unsigned i = 0; i < TABLES_MOST; i++) {
        if (acpi_root_entry(root_opt, i, &address) != OK)
            break;
        enum status status = load(address, signature, out);

        if (status == OK)
            return OK;
        if (status != ERR_NOT_FOUND)
            log_error("ACPI table at 0x%llx: %s", (unsigned long long)address, status_text(status));
    }
    return ERR_NOT_FOUND;
}

void firmware_start(void)
{
    enum status status = find_root();

    if (status != OK)
        log_info("no ACPI tables: %s", status_text(status));
}
