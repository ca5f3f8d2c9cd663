/* SPDX-License-Identifier: MIT */
/*
 * Reads back what the firmware wrote the way a guest does, and lets iasl disassemble every table.
 */

#include "test/check.h"
#include "vmm/firmware/firmware.h"
#include "vmm/firmware/linux.h"
#include "vmm/firmware/pvh.h"

enum { RAM_SIZE = 8 << 20, INITRAMFS_SIZE = 123456 };

static uint8_t *ram_bytes;
static struct guest_ram ram;
static uint8_t initramfs[INITRAMFS_SIZE];

static struct image_loaded kernel;

static struct firmware_config config_make(void)
{
    kernel = (struct image_loaded){.end = 0x400000, .initramfs_end = UINT32_MAX, .command_line_max = 4095};
    return (struct firmware_config){
        .acpi = {.cpu_count = 3, .ioapic_id = 0, .sci_irq = 9, .pm_port = 0x600},
        .command_line = "console=ttyS0 quiet",
        .initramfs = initramfs,
        .initramfs_size = sizeof initramfs,
        .kernel = &kernel,
    };
}

static uint64_t number(uint64_t address, unsigned width)
{
    uint64_t value = 0;
    memcpy(&value, ram_bytes + address, width);
    return value;
}

static uint8_t sum(uint64_t address, uint64_t length)
{
    uint8_t result = 0;
    for (uint64_t i = 0; i < length; i++)
        result = (uint8_t)(result + ram_bytes[address + i]);
    return result;
}

static void test_boot_information(void)
{
    CASE("start information, modules and command line");
    struct firmware_config config = config_make();
    struct firmware_placed placed = {0};
    struct firmware_error error = {NULL, 0};
    REQUIRE(firmware_write(&config, &ram, &placed, &error) == OK);
    struct pvh_start_info start;
    struct pvh_module module;
    memcpy(&start, ram_bytes + placed.start_info, sizeof start);
    CHECK_EQ(start.magic, 0x336ec578);
    CHECK_EQ(start.version, 1);
    CHECK_STR((const char *)ram_bytes + start.command_line, "console=ttyS0 quiet");
    REQUIRE(start.module_count == 1);
    memcpy(&module, ram_bytes + start.modules, sizeof module);
    CHECK_EQ(module.address, placed.initramfs);
    CHECK_EQ(module.address % 4096, 0);
    CHECK_EQ(module.size, INITRAMFS_SIZE);
    CHECK(module.address + module.size <= RAM_SIZE);
    CHECK_MEM(ram_bytes + module.address, initramfs, INITRAMFS_SIZE);

    CASE("memory map");
    struct pvh_memory map[4];
    REQUIRE(start.memory_map_count == 4);
    memcpy(map, ram_bytes + start.memory_map, sizeof map);
    CHECK_EQ(map[0].address, 0);
    CHECK_EQ(map[0].size, 0xa0000);
    CHECK_EQ(map[1].type, PVH_MEMORY_RESERVED);
    CHECK(map[1].address <= placed.rsdp && placed.rsdp < map[1].address + map[1].size);
    CHECK_EQ(map[2].address, 0x100000);
    CHECK_EQ(map[2].address + map[2].size, RAM_SIZE);
    CHECK_EQ(map[3].address, UINT64_C(1) << 32);
    CHECK_EQ(map[3].size, ram.high_size);
    for (unsigned i = 1; i < 4; i++)
        CHECK(map[i - 1].address + map[i - 1].size <= map[i].address);
}

static void test_linux_parameters(void)
{
    CASE("Linux' boot parameters");
    struct firmware_config config = config_make();
    struct firmware_placed placed = {0};
    struct firmware_error error = {NULL, 0};
    kernel.protocol = IMAGE_LINUX;
    kernel.initramfs_end = 6 << 20;
    memset(kernel.setup, 0x5a, sizeof kernel.setup);
    memset(ram_bytes + 0x6000, 0xff, 0x1000);
    REQUIRE(firmware_write(&config, &ram, &placed, &error) == OK);
    CHECK_EQ(placed.start_info, 0);
    REQUIRE(placed.boot_parameters == 0x6000);
    CHECK_EQ(number(0x6070, 8), FIRMWARE_ACPI);
    CHECK_EQ(number(0x6000, 8), 0);
    CHECK_EQ(number(0x61f1, 1), 0x5a); /* the kernel's own */
    CHECK_EQ(number(0x6210, 1), 0xff); /* the loader has no number */
    CHECK_EQ(number(0x6218, 4), placed.initramfs);
    CHECK_EQ(number(0x621c, 4), INITRAMFS_SIZE);
    CHECK(placed.initramfs + INITRAMFS_SIZE <= kernel.initramfs_end);
    CHECK_EQ(number(0x6228, 4), FIRMWARE_COMMAND_LINE);
    CHECK_EQ(number(0x628f, 1), 0x5a);
    CHECK_EQ(number(0x6290, 8), 0);
    REQUIRE(number(0x61e8, 1) == 4);
    CHECK_EQ(number(0x62d0, 8), 0);
    CHECK_EQ(number(0x62d8, 8), 0xa0000);
    CHECK_EQ(number(0x62e0, 4), PVH_MEMORY_RAM);
    CHECK_EQ(number(0x62d0 + 20, 8), FIRMWARE_ACPI);
    CHECK_EQ(number(0x62d0 + 36, 4), PVH_MEMORY_RESERVED);
    CHECK_EQ(number(0x62d0 + 60, 8), UINT64_C(1) << 32);
}

static char directory[] = "/tmp/firmware_test.XXXXXX";

/* Writes a table to a file and runs `iasl -d` on it; the disassembly must then be there and name no error. */
static void table_disassemble(uint64_t address, uint64_t length)
{
    char name[5] = {0}, path[128], command[512], line[512];
    memcpy(name, ram_bytes + address, 4);
    snprintf(path, sizeof path, "%s/%s.dat", directory, name);
    FILE *file = fopen(path, "wb");
    REQUIRE(file && fwrite(ram_bytes + address, 1, length, file) == length);
    fclose(file);
    snprintf(command, sizeof command, "cd %s && iasl -d %s.dat >%s.log 2>&1", directory, name, name);
    CHECK_EQ(system(command), 0);
    snprintf(path, sizeof path, "%s/%s.log", directory, name);
    file = fopen(path, "r");
    REQUIRE(file);
    while (fgets(line, sizeof line, file))
        CHECK(!strstr(line, "rror") && !strstr(line, "arning") && !strstr(line, "nvalid"));
    fclose(file);
    snprintf(path, sizeof path, "%s/%s.dsl", directory, name);
    file = fopen(path, "r");
    REQUIRE(file);
    while (fgets(line, sizeof line, file))
        CHECK(!strstr(line, "ncorrect checksum") && !strstr(line, "nvalid") && !strstr(line, "***"));
    fclose(file);
}

static uint64_t table_check(uint64_t address, const char *signature)
{
    uint64_t length = number(address + 4, 4);
    CHECK_MEM(ram_bytes + address, signature, 4);
    CHECK(address >= FIRMWARE_ACPI && address + length <= FIRMWARE_ACPI_END);
    if (memcmp(signature, "FACS", 4) != 0)
        CHECK_EQ(sum(address, length), 0);
    table_disassemble(address, length);
    return length;
}

static void test_tables(void)
{
    CASE("RSDP and XSDT");
    uint64_t rsdp = FIRMWARE_ACPI;
    CHECK_MEM(ram_bytes + rsdp, "RSD PTR ", 8);
    CHECK_EQ(sum(rsdp, 20), 0);
    CHECK_EQ(sum(rsdp, 36), 0);
    uint64_t xsdt = number(rsdp + 24, 8);
    CHECK_EQ(table_check(xsdt, "XSDT"), 36 + 16);

    CASE("FADT");
    uint64_t fadt = number(xsdt + 36, 8);
    table_check(fadt, "FACP");
    CHECK_EQ(number(fadt + 46, 2), 9);      /* SCI_INT */
    CHECK_EQ(number(fadt + 48, 4), 0);      /* SMI_CMD: always in ACPI mode */
    CHECK_EQ(number(fadt + 56, 4), 0x600);  /* PM1a_EVT_BLK */
    CHECK_EQ(number(fadt + 64, 4), 0x604);  /* PM1a_CNT_BLK */
    CHECK_EQ(number(fadt + 76, 4), 0x608);  /* PM_TMR_BLK */
    CHECK_EQ(number(fadt + 109, 2) & 2, 0); /* IAPC_BOOT_ARCH: no 8042 */
    CHECK_EQ(number(fadt + 120, 8), 0xcf9); /* RESET_REG */
    CHECK_EQ(number(fadt + 128, 1), 6);     /* RESET_VALUE */
    CHECK(number(fadt + 112, 4) & 1 << 10); /* RESET_REG_SUP */
    CHECK_EQ(number(fadt + 152, 8), 0x600); /* X_PM1a_EVT_BLK */

    CASE("FACS and DSDT");
    uint64_t facs = number(fadt + 36, 4);
    CHECK_EQ(facs % 64, 0);
    CHECK_EQ(table_check(facs, "FACS"), 64);
    CHECK_EQ(number(fadt + 40, 4), number(fadt + 140, 8));
    table_check(number(fadt + 40, 4), "DSDT");
}

static void test_madt(void)
{
    CASE("MADT: processors, IOAPIC, overrides");
    uint64_t madt = number(number(FIRMWARE_ACPI + 24, 8) + 44, 8);
    uint64_t end = madt + table_check(madt, "APIC"), at = madt + 44;
    unsigned processors = 0, ioapics = 0, overrides = 0;
    while (at < end && ram_bytes[at + 1] != 0) {
        switch (ram_bytes[at]) {
        case 0: CHECK_EQ(ram_bytes[at + 3], processors++); break;
        case 1:
            CHECK_EQ(number(at + 4, 4), 0xfec00000);
            ioapics++;
            break;
        case 2:
            CHECK_EQ(number(at + 4, 4), ram_bytes[at + 3] == 0 ? 2 : 9);
            CHECK_EQ(number(at + 8, 2), ram_bytes[at + 3] == 0 ? 0 : 0xd);
            overrides++;
            break;
        default: break;
        }
        at += ram_bytes[at + 1];
    }
    CHECK_EQ(at, end);
    CHECK_EQ(processors, 3);
    CHECK_EQ(ioapics, 1);
    CHECK_EQ(overrides, 2);
}

static void refused(const struct firmware_config *config, const struct guest_ram *guest, enum status status,
                    const char *reason)
{
    struct firmware_placed placed = {.start_info = 5};
    struct firmware_error error = {NULL, 0};
    CHECK_EQ(firmware_write(config, guest, &placed, &error), status);
    CHECK_EQ(placed.start_info, 5);
    CHECK_STR(error.reason, reason);
}

static void test_refusals(void)
{
    struct firmware_config config = config_make();
    struct guest_ram guest = ram;
    CASE("what does not fit is named");
    guest.low_size = 0x1ff000;
    refused(&config, &guest, ERR_RANGE, "guest RAM is smaller than 2 MiB or no whole number of pages");
    guest.low_size = GUEST_RAM_LOW_LIMIT + 4096;
    refused(&config, &guest, ERR_RANGE, "guest RAM reaches into the device hole below 4 GiB");
    kernel.end = RAM_SIZE - INITRAMFS_SIZE;
    refused(&config, &ram, ERR_RANGE, "initramfs and kernel do not fit into guest RAM together");
    config.initramfs_size = UINT64_MAX;
    refused(&config, &ram, ERR_RANGE, "initramfs is larger than guest RAM");
    config = config_make();
    config.acpi.cpu_count = 0;
    refused(&config, &ram, ERR_INVALID, "number of processors or an interrupt is out of range");
    config.acpi.cpu_count = ACPI_CPUS_MAX + 1;
    refused(&config, &ram, ERR_INVALID, "number of processors or an interrupt is out of range");
    config = config_make();
    static char line[5000];
    memset(line, 'x', sizeof line - 1);
    config.command_line = line;
    kernel.command_line_max = 99;
    refused(&config, &ram, ERR_INVALID, "command line is too long; longest is");
    kernel.command_line_max = 1 << 20;
    refused(&config, &ram, ERR_INVALID, "command line is too long; longest is");
    line[FIRMWARE_COMMAND_LINE_MAX] = 0;
    struct firmware_placed placed;
    struct firmware_error error;
    CHECK_EQ(firmware_write(&config, &ram, &placed, &error), OK);

    CASE("too small an area for the tables");
    uint8_t *area = malloc(300);
    uint64_t used;
    CHECK_EQ(acpi_write(&config.acpi, area, 0xe0000, 300, &used), ERR_OVERFLOW);
    CHECK_EQ(acpi_write(&config.acpi, area, 0xe0000, 10, &used), ERR_OVERFLOW);
    CHECK_EQ(acpi_write(&config.acpi, area, 0xe0001, 300, &used), ERR_INVALID);
    free(area);

    CASE("the largest number of processors fits");
    config.acpi.cpu_count = ACPI_CPUS_MAX;
    CHECK_EQ(firmware_write(&config, &ram, &placed, &error), OK);
}

int main(void)
{
    ram_bytes = calloc(1, RAM_SIZE);
    REQUIRE(ram_bytes && mkdtemp(directory));
    ram = (struct guest_ram){.low = ram_bytes, .low_size = RAM_SIZE, .high_size = 1 << 20};
    for (unsigned i = 0; i < sizeof initramfs; i++)
        initramfs[i] = (uint8_t)(i * 7);
    test_boot_information();
    test_linux_parameters();
    test_tables();
    test_madt();
    test_refusals();
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", directory);
    CHECK_EQ(system(command), 0);
    free(ram_bytes);
    return check_finish();
}
