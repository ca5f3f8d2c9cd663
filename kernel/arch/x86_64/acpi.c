/* SPDX-License-Identifier: MIT */
/*
 * The one ACPI table that the kernel reads: MADT (ACPI 6.5, 5.2.12), for the interrupt controllers. Everything else in
 * ACPI is user level's. A table with a bad checksum is not there.
 */
#include "kernel/arch/arch.h"
#include "kernel/arch/x86_64/machine.h"
#include "kernel/arch/x86_64/madt.h"
#include "kernel/mem/memory.h"

struct __attribute__((packed)) rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;
    uint64_t xsdt;
};

struct __attribute__((packed)) acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[26];
};
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

#define BIOS_AREA      0xe0000u
#define BIOS_AREA_END  0x100000u
#define EBDA_POINTER   0x40eu
#define TABLE_SIZE_MAX 0x100000u

static bool checksum_good(const void *bytes, uint64_t size)
{
    uint8_t sum = 0;

    for (uint64_t i = 0; i < size; i++)
        sum += ((const uint8_t *)bytes)[i];
    return sum == 0;
}

static uint64_t rsdp_search(uint64_t from, uint64_t end)
{
    for (uint64_t address = from; address + sizeof(struct rsdp) <= end; address += 16)
        if (!memcmp(phys_to_virt(address), "RSD PTR ", 8) && checksum_good(phys_to_virt(address), 20))
            return address;
    return 0;
}

/* The mapped table, or NULL if it is not one with this signature. */
static const struct acpi_header *table_open(uint64_t address, const char *signature)
{
    const struct acpi_header *table = phys_to_virt(address);

    physmap_cover(address, sizeof(*table));
    if (memcmp(table->signature, signature, 4) || table->length < sizeof(*table) ||
        table->length > TABLE_SIZE_MAX)
        return NULL;
    physmap_cover(address, table->length);
    return checksum_good(table, table->length) ? table : NULL;
}

static const struct acpi_header *table_search(uint64_t rsdp_address, const char *signature)
{
    const struct rsdp *rsdp = phys_to_virt(rsdp_address);
    bool extended = rsdp->revision >= 2 && rsdp->xsdt;
    uint64_t root_address = extended ? rsdp->xsdt : rsdp->rsdt;
    const struct acpi_header *root = table_open(root_address, extended ? "XSDT" : "RSDT");
    uint32_t width = extended ? 8 : 4;

    if (!root)
        return NULL;
    boot_info.acpi_root = root_address;
    for (uint32_t at = sizeof(*root); at + width <= root->length; at += width) {
        uint64_t address = 0;
        const struct acpi_header *table;

        memcpy(&address, (const uint8_t *)root + at, width);
        table = table_open(address, signature);
        if (table)
            return table;
    }
    return NULL;
}

void acpi_read(struct madt *out)
{
    uint64_t ebda = (uint64_t) * (const volatile uint16_t *)phys_to_virt(EBDA_POINTER) << 4;
    uint64_t rsdp = boot_info.acpi_rsdp; /* the boot loader's word, where it has one */
    const struct acpi_header *table = NULL;

    if (!rsdp && ebda)
        rsdp = rsdp_search(ebda, ebda + 1024);
    if (!rsdp)
        rsdp = rsdp_search(BIOS_AREA, BIOS_AREA_END);
    if (rsdp)
        table = table_search(rsdp, "APIC");
    madt_parse((const uint8_t *)table, table ? table->length : 0, out);
    boot_info.acpi_rsdp = rsdp;
}
