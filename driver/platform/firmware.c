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

#define TABLES_MOST 256u /* entries of the root table that are looked at */

static struct {
    bool searched;
    const void *table_opt; /* RSDT or XSDT */
    unsigned entry_size;
} root;

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

static enum status read_info(const char *text, uint64_t size, uint64_t *rsdp)
{
    struct xml_error error;
    struct xml_node info, acpi;

    if (xml_validate(text, size, &error) != OK || !xml_root(text, size, &info) ||
        !xml_first_child_named(info, "acpi", &acpi))
        return ERR_INVALID;
    return xml_attribute_unsigned(acpi, "rsdp", rsdp);
}

static enum status find_rsdp(uint64_t *rsdp)
{
    struct rom_reader reader;
    enum status status = rom_open("platform_info", 0, &reader);

    if (status != OK)
        return status;
    status = reader.rom.data ? read_info(reader.rom.data, reader.rom.size, rsdp) : ERR_NOT_FOUND;
    rom_close(&reader);
    return status;
}

static enum status find_root(void)
{
    uint8_t bytes[ACPI_RSDP_SIZE];
    uint64_t physical = 0;
    struct acpi_root found;
    enum status status = find_rsdp(&physical);

    if (status == OK && physical == 0)
        status = ERR_NOT_FOUND;
    if (status == OK)
        status = copy(physical, sizeof(bytes), bytes);
    if (status == OK)
        status = acpi_rsdp_read(bytes, sizeof(bytes), &found);
    if (status != OK)
        return status;
    root.entry_size = found.entry_size;
    return load(found.address, found.entry_size == 8 ? "XSDT" : "RSDT", &root.table_opt);
}

enum status firmware_table(const char *signature, const void **out)
{
    uint64_t address;

    if (!root.searched) {
        enum status status = find_root();

        root.searched = true;
        if (status != OK)
            log_info("no ACPI tables: %s", status_text(status));
    }
    if (!root.table_opt)
        return ERR_NOT_FOUND;
    for (unsigned i = 0; i < TABLES_MOST; i++) {
        if (acpi_root_entry(root.table_opt, root.entry_size, i, &address) != OK)
            break;
        enum status status = load(address, signature, out);

        if (status == OK)
            return OK;
        if (status != ERR_NOT_FOUND)
            log_error("ACPI table at 0x%llx: %s", (unsigned long long)address, status_text(status));
    }
    return ERR_NOT_FOUND;
}
