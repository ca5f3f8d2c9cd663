/* SPDX-License-Identifier: MIT */
/*
 * Places and writes the boot information. firmware_check() decides; everything after it cannot fail. See firmware.h.
 */
#include "vmm/firmware/firmware.h"

#include "lib/string/string.h"
#include "vmm/firmware/linux.h"
#include "vmm/firmware/pvh.h"

enum { MEMORY_MAP_MAX = 6, PAGE = 4096 };

/* What lies at FIRMWARE_START_INFO for a PVH guest. */
struct boot_page {
    struct pvh_start_info start;
    struct pvh_module initramfs;
    struct pvh_memory map[MEMORY_MAP_MAX];
};
_Static_assert(sizeof(struct boot_page) <= FIRMWARE_COMMAND_LINE - FIRMWARE_START_INFO, "boot page");
_Static_assert(sizeof(struct linux_parameters) <= FIRMWARE_COMMAND_LINE - FIRMWARE_START_INFO, "boot page");

struct memory_list {
    uint32_t count;
    struct pvh_memory map[MEMORY_MAP_MAX];
};

static enum status firmware_fail(struct firmware_error *error, enum status status, const char *reason,
                                 uint64_t value)
{
    *error = (struct firmware_error){reason, value};
    return status;
}

/* The initramfs ends with the low window or where the kernel finds it, starts on a page, and leaves the kernel alone. */
static enum status initramfs_place(const struct firmware_config *config, const struct guest_ram *ram,
                                   uint64_t *address, struct firmware_error *error)
{
    uint64_t end =
        config->kernel->initramfs_end < ram->low_size ? config->kernel->initramfs_end : ram->low_size;
    *address = 0;
    if (!config->initramfs || config->initramfs_size == 0)
        return OK;
    if (config->initramfs_size > end)
        return firmware_fail(error, ERR_RANGE, "initramfs is larger than guest RAM", config->initramfs_size);
    uint64_t at = (end - config->initramfs_size) & ~(uint64_t)(PAGE - 1);
    if (at < config->kernel->end || at < FIRMWARE_ACPI_END)
        return firmware_fail(error, ERR_RANGE, "initramfs and kernel do not fit into guest RAM together",
                             config->initramfs_size);
    *address = at;
    return OK;
}

static enum status firmware_check(const struct firmware_config *config, const struct guest_ram *ram,
                                  struct firmware_error *error)
{
    if (ram->low_size < FIRMWARE_RAM_MIN || ram->low_size % PAGE != 0)
        return firmware_fail(error, ERR_RANGE, "guest RAM is smaller than 2 MiB or no whole number of pages",
                             ram->low_size);
    if (ram->low_size > GUEST_RAM_LOW_LIMIT)
        return firmware_fail(error, ERR_RANGE, "guest RAM reaches into the device hole below 4 GiB",
                             ram->low_size);
    uint64_t longest = config->kernel->command_line_max < FIRMWARE_COMMAND_LINE_MAX
                           ? config->kernel->command_line_max
                           : FIRMWARE_COMMAND_LINE_MAX;
    if (strnlen(config->command_line, longest + 1) > longest)
        return firmware_fail(error, ERR_INVALID, "command line is too long; longest is", longest);
    return OK;
}

static void map_add(struct memory_list *list, uint64_t from, uint64_t to, enum pvh_memory_type type)
{
    if (from < to)
        list->map[list->count++] = (struct pvh_memory){.address = from, .size = to - from, .type = type};
}

static struct memory_list map_make(const struct guest_ram *ram)
{
    struct memory_list list = {0};
    map_add(&list, 0, FIRMWARE_LOW_RAM_END, PVH_MEMORY_RAM);
    map_add(&list, FIRMWARE_ACPI, FIRMWARE_ACPI_END, PVH_MEMORY_RESERVED);
    map_add(&list, FIRMWARE_ACPI_END, ram->low_size, PVH_MEMORY_RAM);
    map_add(&list, GUEST_RAM_HIGH_BASE, GUEST_RAM_HIGH_BASE + ram->high_size, PVH_MEMORY_RAM);
    return list;
}

static void pvh_page_write(const struct firmware_config *config, const struct guest_ram *ram,
                           uint64_t initramfs)
{
    struct memory_list list = map_make(ram);
    struct boot_page page = {
        .start = {.magic = PVH_MAGIC,
                  .version = 1,
                  .command_line = FIRMWARE_COMMAND_LINE,
                  .rsdp = FIRMWARE_ACPI,
                  .memory_map = FIRMWARE_START_INFO + offsetof(struct boot_page, map),
                  .memory_map_count = list.count},
        .initramfs = {.address = initramfs, .size = config->initramfs_size},
    };
    if (initramfs != 0) {
        page.start.module_count = 1;
        page.start.modules = FIRMWARE_START_INFO + offsetof(struct boot_page, initramfs);
    }
    memcpy(page.map, list.map, sizeof page.map);
    memcpy(ram->low + FIRMWARE_START_INFO, &page, sizeof page);
}

/* The setup header comes from the kernel; the loader fills in where things are. */
static void linux_page_write(const struct firmware_config *config, const struct guest_ram *ram,
                             uint64_t initramfs)
{
    struct memory_list list = map_make(ram);
    struct linux_parameters page = {.rsdp = FIRMWARE_ACPI, .memory_map_count = (uint8_t)list.count};
    memcpy(&page.setup, config->kernel->setup, sizeof page.setup);
    page.setup.loader = LINUX_LOADER_UNKNOWN;
    page.setup.command_line = FIRMWARE_COMMAND_LINE;
    page.setup.initramfs = (uint32_t)initramfs;
    page.setup.initramfs_size = initramfs ? (uint32_t)config->initramfs_size : 0;
    for (uint32_t i = 0; i < list.count; i++)
        page.map[i] = (struct linux_memory){list.map[i].address, list.map[i].size, list.map[i].type};
    memcpy(ram->low + FIRMWARE_START_INFO, &page, sizeof page);
}

enum status firmware_write(const struct firmware_config *config, const struct guest_ram *ram,
                           struct firmware_placed *out, struct firmware_error *error)
{
    uint64_t initramfs, used;
    enum status status = firmware_check(config, ram, error);
    if (status == OK)
        status = initramfs_place(config, ram, &initramfs, error);
    if (status != OK)
        return status;
    status = acpi_write(&config->acpi, ram->low + FIRMWARE_ACPI, FIRMWARE_ACPI,
                        FIRMWARE_ACPI_END - FIRMWARE_ACPI, &used);
    if (status != OK)
        return firmware_fail(error, status, "number of processors or an interrupt is out of range",
                             config->acpi.cpu_count);
    if (config->kernel->protocol == IMAGE_LINUX)
        linux_page_write(config, ram, initramfs);
    else
        pvh_page_write(config, ram, initramfs);
    memcpy(ram->low + FIRMWARE_COMMAND_LINE, config->command_line, strlen(config->command_line) + 1);
    if (initramfs != 0)
        memcpy(ram->low + initramfs, config->initramfs, config->initramfs_size);
    *out = (struct firmware_placed){.initramfs = initramfs, .rsdp = FIRMWARE_ACPI};
    *(config->kernel->protocol == IMAGE_LINUX ? &out->boot_parameters : &out->start_info) =
        FIRMWARE_START_INFO;
    return OK;
}
