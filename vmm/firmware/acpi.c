/* SPDX-License-Identifier: MIT */
/*
 * Tables as the ACPI specification 6.4, chapter 5.2, lays them out; fields are named after it. Every table is placed at
 * the next 64-byte boundary of the area; a table's checksum is set last. See acpi.h.
 */
#include "vmm/firmware/acpi.h"

#include "lib/range/range.h"
#include "lib/string/string.h"
#include "vmm/firmware/dsdt.h"

struct acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem_id[6], oem_table_id[8];
    uint32_t oem_revision;
    char creator_id[4];
    uint32_t creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_header) == 36, "5.2.6");

struct acpi_rsdp {
    char signature[8];
    uint8_t checksum;
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt_address, length;
    uint64_t xsdt_address;
    uint8_t extended_checksum, reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_rsdp) == 36, "5.2.5.3");

struct acpi_xsdt {
    struct acpi_header header;
    uint64_t fadt, madt;
} __attribute__((packed));

struct acpi_address {
    uint8_t space, bit_width, bit_offset, access;
    uint64_t address;
} __attribute__((packed));

struct acpi_fadt {
    struct acpi_header header;
    uint32_t facs, dsdt;
    uint8_t reserved0, preferred_profile;
    uint16_t sci_irq;
    uint32_t smi_command;
    uint8_t acpi_enable, acpi_disable, s4bios_request, pstate_control;
    uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
    uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
    uint8_t gpe0_length, gpe1_length, gpe1_base, cstate_control;
    uint16_t c2_latency, c3_latency, flush_size, flush_stride;
    uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
    uint16_t boot_flags;
    uint8_t reserved1;
    uint32_t flags;
    struct acpi_address reset_register;
    uint8_t reset_value;
    uint16_t arm_boot_flags;
    uint8_t minor_version;
    uint64_t x_facs, x_dsdt;
    struct acpi_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control, x_pm_timer;
    struct acpi_address x_gpe0, x_gpe1, sleep_control, sleep_status;
    uint64_t hypervisor_vendor;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_fadt) == 276, "5.2.9");

struct acpi_facs {
    char signature[4];
    uint32_t length, hardware_signature, waking_vector, global_lock, flags;
    uint64_t x_waking_vector;
    uint8_t version, reserved[31];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_facs) == 64, "5.2.10");

struct acpi_madt {
    struct acpi_header header;
    uint32_t local_apic, flags;
} __attribute__((packed));

struct acpi_madt_local_apic {
    uint8_t type, length, processor, apic_id;
    uint32_t flags;
} __attribute__((packed));

struct acpi_madt_ioapic {
    uint8_t type, length, id, reserved;
    uint32_t address, interrupt_base;
} __attribute__((packed));

struct acpi_madt_override {
    uint8_t type, length, bus, source;
    uint32_t interrupt;
    uint16_t flags;
} __attribute__((packed));

struct acpi_madt_nmi {
    uint8_t type, length, processor;
    uint16_t flags;
    uint8_t pin;
} __attribute__((packed));

enum {
    FADT_REVISION = 6,
    FADT_MINOR = 3,
    MADT_REVISION = 5,
    SPACE_IO = 1,
    /* IAPC_BOOT_ARCH, 5.2.9.3. Bit 1, "8042", stays clear: there is no keyboard controller to probe. */
    BOOT_LEGACY_DEVICES = 1 << 0,
    BOOT_NO_VGA = 1 << 2,
    BOOT_NO_ASPM = 1 << 4,
    /* Fixed feature flags, 5.2.9, table 5.10. The power button is a fixed one: its flag stays clear. */
    FLAG_WBINVD = 1 << 0,
    FLAG_C1 = 1 << 2,
    FLAG_NO_SLEEP_BUTTON = 1 << 5,
    FLAG_NO_RTC_WAKE = 1 << 6,
    FLAG_TIMER_32BIT = 1 << 8,
    FLAG_RESET_REGISTER = 1 << 10,
    MADT_PC_COMPATIBLE = 1 << 0, /* the two 8259s are there */
    MADT_ENABLED = 1 << 0,
    OVERRIDE_BUS_DEFAULT = 0,
    OVERRIDE_LEVEL_HIGH = 0x0d,
    LOCAL_APIC_ADDRESS = 0xfee00000,
    IOAPIC_ADDRESS = 0xfec00000,
    RTC_CENTURY_BYTE = 0x32,
    LATENCY_NO_C2 = 101,
    LATENCY_NO_C3 = 1001,
};

/* The area being filled: `used` grows from table to table. */
struct area {
    uint8_t *memory;
    uint64_t address, size, used;
    bool overflow;
};

static uint64_t area_next(const struct area *area)
{
    return area->address + ((area->used + 63) & ~UINT64_C(63));
}

/* Copies a finished table into the area and returns the guest's address of it. */
static uint64_t area_place(struct area *area, const void *table, uint64_t length)
{
    uint64_t at = area_next(area);
    if (!range_ok(at - area->address, length, area->size)) {
        area->overflow = true;
        return 0;
    }
    memcpy(area->memory + (at - area->address), table, length);
    area->used = at - area->address + length;
    return at;
}

/* The value that makes the bytes add up to 0; its own place must hold 0. */
static uint8_t checksum(const void *table, uint64_t length)
{
    const uint8_t *bytes = table;
    uint8_t sum = 0;
    for (uint64_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return (uint8_t)-sum;
}

static struct acpi_header header_make(const char *signature, uint8_t revision, uint32_t length)
{
    struct acpi_header header = {
        .length = length, .revision = revision, .oem_revision = 1, .creator_revision = 1};
    memcpy(header.signature, signature, 4);
    memcpy(header.oem_id, "TESSRA", 6);
    memcpy(header.oem_table_id, "TESSERA ", 8);
    memcpy(header.creator_id, "TESS", 4);
    return header;
}

static struct acpi_address io_address(uint16_t port, uint8_t bytes)
{
    /* Access size codes: 1 byte, 2 word, 3 double word. The PM1 event block is accessed by words. */
    uint8_t access = bytes == 1 ? 1 : bytes == 2 ? 2 : 3;
    return (struct acpi_address){
        .space = SPACE_IO, .bit_width = bytes * 8, .access = access, .address = port};
}

static uint64_t facs_write(struct area *area)
{
    struct acpi_facs facs = {.signature = {'F', 'A', 'C', 'S'}, .length = sizeof facs, .version = 2};
    return area_place(area, &facs, sizeof facs);
}

static void fadt_ports(struct acpi_fadt *fadt, uint16_t port)
{
    fadt->pm1a_event = port + ACPI_PM_EVENT;
    fadt->pm1a_control = port + ACPI_PM_CONTROL;
    fadt->pm_timer = port + ACPI_PM_COUNTER;
    fadt->pm1_event_length = 4;
    fadt->pm1_control_length = 2;
    fadt->pm_timer_length = 4;
    fadt->x_pm1a_event = io_address((uint16_t)(port + ACPI_PM_EVENT), 4);
    fadt->x_pm1a_event.access = 2;
    fadt->x_pm1a_control = io_address((uint16_t)(port + ACPI_PM_CONTROL), 2);
    fadt->x_pm_timer = io_address((uint16_t)(port + ACPI_PM_COUNTER), 4);
}

static uint64_t fadt_write(struct area *area, const struct acpi_config *config, uint64_t facs, uint64_t dsdt)
{
    struct acpi_fadt fadt = {
        .header = header_make("FACP", FADT_REVISION, sizeof fadt),
        .facs = (uint32_t)facs, /* below 4 GiB, so the 64-bit field must be 0 (5.2.9) */
        .dsdt = (uint32_t)dsdt,
        .sci_irq = config->sci_irq,
        .c2_latency = LATENCY_NO_C2,
        .c3_latency = LATENCY_NO_C3,
        .century = RTC_CENTURY_BYTE,
        .boot_flags = BOOT_LEGACY_DEVICES | BOOT_NO_VGA | BOOT_NO_ASPM,
        .flags = FLAG_WBINVD | FLAG_C1 | FLAG_NO_SLEEP_BUTTON | FLAG_NO_RTC_WAKE | FLAG_TIMER_32BIT |
                 FLAG_RESET_REGISTER,
        .reset_register = io_address(ACPI_RESET_PORT, 1),
        .reset_value = ACPI_RESET_VALUE,
        .minor_version = FADT_MINOR,
        .x_dsdt = dsdt,
    };
    memcpy(&fadt.hypervisor_vendor, "TESSERA", 7);
    fadt_ports(&fadt, config->pm_port);
    fadt.header.checksum = checksum(&fadt, sizeof fadt);
    return area_place(area, &fadt, sizeof fadt);
}

struct madt_buffer {
    uint64_t length;
    uint8_t bytes[sizeof(struct acpi_madt) + ACPI_CPUS_MAX * sizeof(struct acpi_madt_local_apic) + 64];
};

static void madt_append(struct madt_buffer *madt, const void *entry, uint64_t length)
{
    memcpy(madt->bytes + madt->length, entry, length);
    madt->length += length;
}

/* ISA interrupts are IOAPIC pins of the same number, but the timer (0) is on pin 2, and the SCI is level-triggered. */
static void madt_interrupts(struct madt_buffer *madt, const struct acpi_config *config)
{
    struct acpi_madt_ioapic ioapic = {
        .type = 1, .length = sizeof ioapic, .id = config->ioapic_id, .address = IOAPIC_ADDRESS};
    struct acpi_madt_override timer = {
        .type = 2, .length = sizeof timer, .bus = OVERRIDE_BUS_DEFAULT, .interrupt = 2};
    struct acpi_madt_override sci = {.type = 2,
                                     .length = sizeof sci,
                                     .bus = OVERRIDE_BUS_DEFAULT,
                                     .source = config->sci_irq,
                                     .interrupt = config->sci_irq,
                                     .flags = OVERRIDE_LEVEL_HIGH};
    struct acpi_madt_nmi nmi = {.type = 4, .length = sizeof nmi, .processor = 0xff, .pin = 1};
    madt_append(madt, &ioapic, sizeof ioapic);
    madt_append(madt, &timer, sizeof timer);
    madt_append(madt, &sci, sizeof sci);
    madt_append(madt, &nmi, sizeof nmi);
}

static uint64_t madt_write(struct area *area, const struct acpi_config *config)
{
    struct madt_buffer madt = {.length = sizeof(struct acpi_madt)};
    for (unsigned i = 0; i < config->cpu_count; i++) {
        struct acpi_madt_local_apic apic = {
            .length = sizeof apic, .processor = (uint8_t)i, .apic_id = (uint8_t)i, .flags = MADT_ENABLED};
        madt_append(&madt, &apic, sizeof apic);
    }
    madt_interrupts(&madt, config);
    struct acpi_madt head = {
        .header = header_make("APIC", MADT_REVISION, (uint32_t)madt.length),
        .local_apic = LOCAL_APIC_ADDRESS,
        .flags = MADT_PC_COMPATIBLE,
    };
    memcpy(madt.bytes, &head, sizeof head);
    head.header.checksum = checksum(madt.bytes, madt.length);
    memcpy(madt.bytes, &head, sizeof head);
    return area_place(area, madt.bytes, madt.length);
}

static uint64_t xsdt_write(struct area *area, uint64_t fadt, uint64_t madt)
{
    struct acpi_xsdt xsdt = {.header = header_make("XSDT", 1, sizeof xsdt), .fadt = fadt, .madt = madt};
    xsdt.header.checksum = checksum(&xsdt, sizeof xsdt);
    return area_place(area, &xsdt, sizeof xsdt);
}

static void rsdp_write(struct area *area, uint64_t xsdt)
{
    struct acpi_rsdp rsdp = {
        .oem_id = {'T', 'E', 'S', 'S', 'R', 'A'}, .revision = 2, .length = sizeof rsdp, .xsdt_address = xsdt};
    memcpy(rsdp.signature, "RSD PTR ", 8);
    rsdp.checksum = checksum(&rsdp, 20); /* the part that ACPI 1.0 knew */
    rsdp.extended_checksum = checksum(&rsdp, sizeof rsdp);
    memcpy(area->memory, &rsdp, sizeof rsdp);
}

enum status acpi_write(const struct acpi_config *config, void *memory, uint64_t address, uint64_t size,
                       uint64_t *used)
{
    struct area area = {.memory = memory, .address = address, .size = size, .used = sizeof(struct acpi_rsdp)};
    if (config->cpu_count == 0 || config->cpu_count > ACPI_CPUS_MAX || config->sci_irq == 0 ||
        config->sci_irq > 15)
        return ERR_INVALID;
    if (address & 63 || address + size > UINT32_MAX || config->pm_port > UINT16_MAX - 15)
        return ERR_INVALID;
    if (size < sizeof(struct acpi_rsdp))
        return ERR_OVERFLOW;
    uint64_t dsdt = area_place(&area, dsdt_table, dsdt_table_size);
    uint64_t facs = facs_write(&area);
    uint64_t fadt = fadt_write(&area, config, facs, dsdt);
    uint64_t madt = madt_write(&area, config);
    uint64_t xsdt = xsdt_write(&area, fadt, madt);
    if (area.overflow)
        return ERR_OVERFLOW;
    rsdp_write(&area, xsdt);
    *used = area.used;
    return OK;
}
