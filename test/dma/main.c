/* SPDX-License-Identifier: MIT */
/* What a device can reach, and how it is heard: see README.md. */
#include "contract/dma/client.h"
#include "contract/irq/client.h"
#include "contract/rom/client.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/interrupt.h"
#include "lib/base/kernel.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/string/string.h"
#include "test/core/core_test.h"
#include "test/dma/edu.h"

#define SIZE 512u

static struct edu edu;
static bool iommu, remap;

#define MESSAGE_OF_EDU "type=msi, device=0x20, unit=0xfed90000"

static const char *message_args(void)
{
    return iommu ? MESSAGE_OF_EDU : "type=msi";
}

static enum status open(const char *service, const char *args, struct connection *out)
{
    return session_open(
        &(struct session_options){
            .service = service, .args_opt = args, .ram = DMA_SESSION_RAM, .caps = DMA_SESSION_CAPS},
        out);
}

/* Waits a second at most. */
static enum status wait(uint32_t notification)
{
    uint64_t bits;

    return notification_wait(notification, kernel_tsc() + env.page->tsc_khz * 1000, &bits);
}

/* ---- faults of the IOMMU ---- */

static uint32_t fault_notification;

/* VT-d appendix A */
enum reason {
    REASON_ROOT_ABSENT = 1,
    REASON_CONTEXT_ABSENT = 2,
    REASON_WRITE = 5,
    REASON_READ = 6,
};

static void check_fault(uint32_t dma, uint64_t address, bool write, unsigned reason)
{
    struct dma_fault fault = {0};

    CHECK_EQ(wait(fault_notification), OK);
    CHECK_EQ(dma_fault(dma, &fault), OK);
    CHECK_EQ(fault.device, EDU_ADDRESS);
    CHECK_EQ(fault.segment, 0);
    CHECK_EQ(fault.reason, reason);
    CHECK_EQ(fault.address, address & ~4095ull);
    CHECK_EQ(fault.write, write);
    while (dma_fault(dma, &fault) == OK) {} /* one for each piece of a transfer */
}

static void forget_faults(void)
{
    struct connection dma = {0};
    struct dma_fault fault;

    CHECK_EQ(open("DMA", NULL, &dma), OK);
    while (dma_fault(dma.slot, &fault) == OK) {}
    (void)notification_wait(fault_notification, 0, &(uint64_t){0});
    session_close(&dma);
}

/* ---- interrupts ---- */

static void test_message(void)
{
    struct connection irq = {0}, second = {0};
    struct irq_line line = {0};
    struct irq_msi message = {0}, other = {0};
    uint32_t notification = 0, interrupt = 0, interrupt2 = 0;

    test_case("a message-signalled interrupt");
    CHECK_EQ(notification_create(&notification), OK);
    CHECK_EQ(open("IRQ", "type=sometimes", &irq), ERR_INVALID);
    CHECK_EQ(open("IRQ", "type=msi, device=0x10000", &irq), ERR_RANGE);
    CHECK_EQ(open("IRQ", "type=msi, device=0x20, unit=0x1000", &irq), ERR_NOT_FOUND);
    CHECK_EQ(open("IRQ", message_args(), &irq), OK);
    CHECK_EQ(irq_msi(irq.slot, &message), ERR_NOT_FOUND);
    CHECK_EQ(irq_bind(irq.slot, notification, &line, &interrupt), OK);
    CHECK_EQ(irq_msi(irq.slot, &message), OK);
    CHECK_EQ(line.level, 0);
    CHECK_EQ(open("IRQ", message_args(), &second), OK);
    CHECK_EQ(irq_bind(second.slot, notification, &line, &interrupt2), OK);
    CHECK_EQ(irq_msi(second.slot, &other), OK);
    CHECK(message.data != other.data || message.address != other.address);

    edu_message_set(&edu, message.address, message.data);
    edu_bus_master(&edu, true);
    for (unsigned i = 0; i < 3; i++) {
        edu_raise(&edu);
        CHECK_EQ(wait(notification), OK);
        CHECK(edu_quiet(&edu));
        if (i == 1)
            CHECK_EQ(interrupt_ack(interrupt), OK); /* changes nothing */
    }
    CHECK_EQ(notification_wait(notification, 0, &(uint64_t){0}), ERR_TIMEOUT);
    cap_free(interrupt);
    cap_free(interrupt2);
    session_close(&second);
    session_close(&irq);
    edu_raise(&edu); /* into the void */
    CHECK(edu_quiet(&edu));
    if (remap)
        forget_faults();
    CHECK_EQ(notification_wait(notification, 0, &(uint64_t){0}), ERR_TIMEOUT);
    edu_message_off(&edu);
    edu_bus_master(&edu, false);
    notification_destroy(notification);
}

static void test_line(void)
{
    struct connection irq = {0};
    struct irq_line line = {0};
    struct irq_msi message;
    uint32_t notification = 0, interrupt = 0;

    test_case("a line that is level-triggered");
    CHECK_EQ(notification_create(&notification), OK);
    CHECK_EQ(open("IRQ", EDU_GSI, &irq), OK);
    CHECK_EQ(irq_bind(irq.slot, notification, &line, &interrupt), OK);
    CHECK_EQ(irq_msi(irq.slot, &message), ERR_UNSUPPORTED);
    CHECK_EQ(line.level, 1);
    edu_raise(&edu);
    CHECK_EQ(notification_wait(notification, 0, &(uint64_t){0}), ERR_TIMEOUT); /* masked until acknowledged */
    CHECK_EQ(interrupt_ack(interrupt), OK);
    CHECK_EQ(wait(notification), OK);
    CHECK_EQ(interrupt_ack(interrupt), OK); /* the device still asks */
    CHECK_EQ(wait(notification), OK);
    CHECK(edu_quiet(&edu));
    CHECK_EQ(interrupt_ack(interrupt), OK);
    CHECK_EQ(notification_wait(notification, kernel_tsc() + env.page->tsc_khz * 20, &(uint64_t){0}),
             ERR_TIMEOUT);
    cap_free(interrupt);
    session_close(&irq);
    notification_destroy(notification);
}

/* ---- memory ---- */

static bool all(const volatile uint8_t *memory, uint8_t value)
{
    for (unsigned i = 0; i < SIZE; i++)
        if (memory[i] != value)
            return false;
    return true;
}

static uint64_t bus_of(uint32_t dma, uint32_t id, uint64_t offset)
{
    struct dma_run run = {0};

    CHECK_EQ(dma_run(dma, &(struct dma_at){.id = id, .offset = offset}, &run), OK);
    CHECK(run.size >= 4096);
    return run.address;
}

/* A session with the device, which may begin transactions. */
static void open_dma(struct connection *dma)
{
    struct dma_device device = edu_device(iommu);
    struct dma_protection protection = {9, 9};

    CHECK_EQ(open("DMA", NULL, dma), OK);
    CHECK_EQ(dma_device_attach(dma->slot, &device, &protection), OK);
    CHECK_EQ(protection.iommu, iommu);
    edu_bus_master(&edu, true);
}

static void test_mapped(void)
{
    struct connection dma = {0};
    struct memory memory = {0};
    struct dma_mapping mapping = {0}, second = {0};

    test_case("a device reads and writes what is mapped");
    open_dma(&dma);
    CHECK_EQ(memory_alloc(3 * PAGE_SIZE, &memory), OK);
    volatile uint8_t *bytes = memory.address;
    CHECK_EQ(dma_map(dma.slot, memory.dataspace,
                     &(struct dma_map){.offset = PAGE_SIZE, .size = 2 * PAGE_SIZE, .write = 1}, &mapping),
             OK);
    CHECK(mapping.id != 0 && mapping.runs >= 1);
    memset(memory.address, 0x11, 3 * PAGE_SIZE);
    memset((char *)memory.address + PAGE_SIZE, 0x5a, SIZE);
    edu_read(&edu, bus_of(dma.slot, mapping.id, 0), SIZE);
    edu_write(&edu, bus_of(dma.slot, mapping.id, PAGE_SIZE), SIZE);
    CHECK(all(bytes + 2 * PAGE_SIZE, 0x5a) && bytes[2 * PAGE_SIZE + SIZE] == 0x11);
    CHECK(all(bytes, 0x11));

    struct dma_run run;
    CHECK_EQ(dma_run(dma.slot, &(struct dma_at){.id = mapping.id, .offset = 2 * PAGE_SIZE}, &run), ERR_RANGE);
    CHECK_EQ(dma_run(dma.slot, &(struct dma_at){.id = mapping.id + 1}, &run), ERR_NOT_FOUND);
    CHECK_EQ(dma_map(dma.slot, memory.dataspace, &(struct dma_map){.size = 4 * PAGE_SIZE}, &second),
             ERR_RANGE);
    CHECK_EQ(dma_map(dma.slot, dma.slot, &(struct dma_map){.size = PAGE_SIZE}, &second), ERR_CAP);
    CHECK_EQ(dma_map(dma.slot, memory.dataspace, &(struct dma_map){.size = PAGE_SIZE}, &second), OK);
    CHECK_EQ(dma_unmap(dma.slot, mapping.id), OK);
    CHECK_EQ(dma_unmap(dma.slot, mapping.id), ERR_NOT_FOUND);
    CHECK_EQ(dma_unmap(dma.slot, second.id), OK);
    session_close(&dma);
    edu_bus_master(&edu, false);
    memory_free(&memory);
}

static void test_exclusive(void)
{
    struct connection first = {0}, second = {0};
    struct dma_device device = edu_device(iommu);
    struct dma_protection protection;

    test_case("a device is in one space at a time");
    open_dma(&first);
    CHECK_EQ(open("DMA", NULL, &second), OK);
    CHECK_EQ(dma_device_attach(second.slot, &device, &protection), ERR_BUSY);
    CHECK_EQ(dma_device_attach(first.slot, &device, &protection), ERR_BUSY);
    CHECK_EQ(dma_device_detach(second.slot, &device), ERR_NOT_FOUND);
    CHECK_EQ(dma_device_detach(first.slot, &device), OK);
    CHECK_EQ(dma_device_attach(second.slot, &device, &protection), OK);
    device.address = 0x28;
    device.config = 0x200000; /* memory */
    CHECK_EQ(dma_device_attach(second.slot, &device, &protection), ERR_DENIED);
    session_close(&first);
    session_close(&second);
    edu_bus_master(&edu, false);
}

/* Frames that went back are given out again soon: whoever gets them must not see the device's writes. */
static void test_dies(void)
{
    struct connection dma = {0};
    struct memory memory = {0}, next[8];
    struct dma_mapping mapping = {0};

    test_case("memory that is destroyed while it is mapped");
    open_dma(&dma);
    CHECK_EQ(memory_alloc(PAGE_SIZE, &memory), OK);
    CHECK_EQ(dma_map(dma.slot, memory.dataspace, &(struct dma_map){.size = PAGE_SIZE, .write = 1}, &mapping),
             OK);
    memset(memory.address, 0x77, PAGE_SIZE);
    uint64_t bus = bus_of(dma.slot, mapping.id, 0);
    edu_read(&edu, bus, SIZE);
    CHECK(edu_is_bus_master(&edu));
    memory_free(&memory);
    CHECK_EQ(edu_is_bus_master(&edu), iommu);
    for (unsigned i = 0; i < 8; i++) {
        CHECK_EQ(memory_alloc(PAGE_SIZE, &next[i]), OK);
        memset(next[i].address, 0x22, PAGE_SIZE);
    }
    edu_write(&edu, bus, SIZE);
    for (unsigned i = 0; i < 8; i++) {
        CHECK(all(next[i].address, 0x22));
        memory_free(&next[i]);
    }
    CHECK_EQ(dma_unmap(dma.slot, mapping.id), OK);
    session_close(&dma);
    edu_bus_master(&edu, false);
}

static void test_session_end(void)
{
    struct connection dma = {0};

    test_case("a session's end stops its devices");
    open_dma(&dma);
    session_close(&dma);
    CHECK_EQ(edu_is_bus_master(&edu), iommu); /* which keeps the device away from everything */
    edu_bus_master(&edu, false);
}

/* ---- what an IOMMU adds ---- */

static void test_begin(void)
{
    struct connection dma = {0}, second = {0};
    struct dma_unit unit = {.registers = EDU_UNIT, .all = 1};
    struct dma_device device = edu_device(true);
    struct dma_protection protection;
    struct dma_fault fault;

    test_case("an IOMMU begins with blocking everything");
    CHECK_EQ(open("DMA", NULL, &dma), OK);
    CHECK_EQ(notification_create(&fault_notification), OK);
    CHECK_EQ(dma_device_attach(dma.slot, &device, &protection), ERR_NOT_FOUND);
    CHECK_EQ(open("IO_MEM", "base=0xfd000000, size=0x1000", &second), OK);
    CHECK_EQ(dma_unit_add(dma.slot, &(struct dma_unit){.registers = 0xfd000000}), ERR_BUSY);
    session_close(&second);
    CHECK_EQ(dma_unit_add(dma.slot, &(struct dma_unit){.registers = 0xfd000000}), ERR_UNSUPPORTED);
    CHECK_EQ(dma_unit_add(dma.slot, &(struct dma_unit){.registers = 0x200000}), ERR_RANGE);
    CHECK_EQ(dma_unit_add(dma.slot, &unit), OK);
    CHECK_EQ(dma_unit_add(dma.slot, &unit), ERR_EXISTS);
    CHECK_EQ(open("IO_MEM", "base=0xfed90000, size=0x1000", &second), ERR_DENIED);
    CHECK_EQ(open("IO_MEM", "base=0xfed90080, size=4", &second), ERR_DENIED);
    CHECK_EQ(dma_fault_notify(dma.slot, fault_notification), OK);
    CHECK_EQ(dma_fault(dma.slot, &fault), ERR_NOT_FOUND);
    edu_bus_master(&edu, true);
    edu_read(&edu, 0x200000, SIZE);
    check_fault(dma.slot, 0x200000, false, REASON_ROOT_ABSENT);
    edu_bus_master(&edu, false);
    session_close(&dma);
}

static void test_remap(void)
{
    struct connection dma = {0}, irq = {0};
    struct dma_interrupts interrupts = {.unit = EDU_UNIT, .has_ioapic = 1, .ioapic = 9, .source = EDU_IOAPIC};
    struct irq_line line = {0};
    struct irq_msi message = {0};
    uint32_t notification = 0, interrupt = 0;

    test_case("interrupts are remapped, and nobody sends another one's");
    CHECK_EQ(open("DMA", NULL, &dma), OK);
    CHECK_EQ(dma_interrupts(dma.slot, &interrupts), remap ? ERR_NOT_FOUND : ERR_UNSUPPORTED);
    interrupts.ioapic = 0;
    CHECK_EQ(dma_interrupts(dma.slot, &interrupts), remap ? OK : ERR_UNSUPPORTED);
    interrupts.unit = 0x1000;
    CHECK_EQ(dma_interrupts(dma.slot, &interrupts), ERR_NOT_FOUND);
    if (!remap)
        goto close;
    CHECK_EQ(notification_create(&notification), OK);
    CHECK_EQ(open("IRQ", "type=msi, device=0x28, unit=0xfed90000", &irq), OK);
    CHECK_EQ(irq_bind(irq.slot, notification, &line, &interrupt), OK);
    CHECK_EQ(irq_msi(irq.slot, &message), OK);
    edu_bus_master(&edu, true);
    edu_message_set(&edu, message.address, message.data); /* another device's */
    edu_raise(&edu);
    CHECK(edu_quiet(&edu));
    CHECK_EQ(notification_wait(notification, kernel_tsc() + env.page->tsc_khz * 20, &(uint64_t){0}),
             ERR_TIMEOUT);
    edu_message_set(&edu, message.address + 0x200, 0);
    edu_raise(&edu);
    CHECK(edu_quiet(&edu));
    CHECK_EQ(notification_wait(notification, kernel_tsc() + env.page->tsc_khz * 20, &(uint64_t){0}),
             ERR_TIMEOUT);
    CHECK_EQ(notification_wait(notification, 0, &(uint64_t){0}), ERR_TIMEOUT);
    edu_message_off(&edu);
    edu_bus_master(&edu, false);
    cap_free(interrupt);
    session_close(&irq);
    notification_destroy(notification);
    forget_faults(); /* QEMU 7.2 only logs them, and honours messages in the old format (CFI): vtd_test has these */
close:
    session_close(&dma);
}

/* Where memory really is: a space without IOMMU tells. */
static uint64_t physical_of(uint32_t dataspace)
{
    struct connection dma = {0};
    struct dma_device device = {.address = 0x30};
    struct dma_protection protection;
    struct dma_mapping mapping = {0};

    CHECK_EQ(open("DMA", NULL, &dma), OK);
    CHECK_EQ(dma_device_attach(dma.slot, &device, &protection), OK);
    CHECK_EQ(protection.iommu, 0);
    CHECK_EQ(dma_map(dma.slot, dataspace, &(struct dma_map){.size = PAGE_SIZE}, &mapping), OK);
    uint64_t physical = bus_of(dma.slot, mapping.id, 0);
    session_close(&dma);
    return physical;
}

static void test_confined(void)
{
    struct connection dma = {0};
    struct memory memory = {0}, canary = {0};
    struct dma_mapping mapping = {0}, only_read = {0};
    struct dma_device device = edu_device(true);
    struct dma_protection protection;

    test_case("a device reaches nothing else");
    CHECK_EQ(memory_alloc(PAGE_SIZE, &memory), OK);
    CHECK_EQ(memory_alloc(PAGE_SIZE, &canary), OK);
    memset(memory.address, 0x33, PAGE_SIZE);
    memset(canary.address, 0xc4, PAGE_SIZE);
    uint64_t canary_address = physical_of(canary.dataspace);
    open_dma(&dma);
    CHECK_EQ(dma_map(dma.slot, memory.dataspace, &(struct dma_map){.size = PAGE_SIZE, .write = 1}, &mapping),
             OK);
    CHECK_EQ(dma_map(dma.slot, canary.dataspace, &(struct dma_map){.size = PAGE_SIZE}, &only_read), OK);
    CHECK_EQ(mapping.runs, 1);
    uint64_t bus = bus_of(dma.slot, mapping.id, 0), bus_read = bus_of(dma.slot, only_read.id, 0);

    edu_read(&edu, bus, SIZE);
    edu_write(&edu, canary_address, SIZE);
    check_fault(dma.slot, canary_address, true, REASON_WRITE);
    edu_write(&edu, bus_read, SIZE);
    check_fault(dma.slot, bus_read, true, REASON_WRITE);
    CHECK(all(canary.address, 0xc4));
    edu_read(&edu, bus_read, SIZE);
    edu_write(&edu, bus, SIZE);
    CHECK(all(memory.address, 0xc4));

    memset(memory.address, 0x33, PAGE_SIZE);
    CHECK_EQ(dma_unmap(dma.slot, mapping.id), OK);
    edu_write(&edu, bus, SIZE);
    check_fault(dma.slot, bus, true, REASON_WRITE);
    CHECK(all(memory.address, 0x33));
    CHECK_EQ(dma_device_detach(dma.slot, &device), OK);
    edu_read(&edu, bus_read, SIZE);
    check_fault(dma.slot, bus_read, false, REASON_CONTEXT_ABSENT);
    CHECK_EQ(dma_device_attach(dma.slot, &device, &protection), OK);
    edu_read(&edu, bus_read, SIZE);
    session_close(&dma);
    edu_read(&edu, bus_read, SIZE);
    CHECK_EQ(open("DMA", NULL, &dma), OK);
    check_fault(dma.slot, bus_read, false, REASON_CONTEXT_ABSENT);
    session_close(&dma);
    edu_bus_master(&edu, false);
    memory_free(&memory);
    memory_free(&canary);
}

/* Large enough for 2 MiB pages, and more than a session's first quota pays for. */
static void test_large(void)
{
    struct connection dma = {0};
    uint32_t dataspace = 0;
    void *address = NULL;
    struct dma_mapping mapping = {0};
    const uint64_t size = 8 << 20;

    test_case("large mappings, and who pays for them");
    open_dma(&dma);
    CHECK_EQ(dataspace_alloc(size, PD_DATASPACE_LARGE, &dataspace), OK);
    CHECK_EQ(memory_attach(dataspace, PD_READ | PD_WRITE, &address), OK);
    CHECK_EQ(dma_map(dma.slot, dataspace, &(struct dma_map){.size = size, .write = 1}, &mapping), OK);
    memset((char *)address + size - PAGE_SIZE, 0x44, PAGE_SIZE);
    memset(address, 0, PAGE_SIZE);
    edu_read(&edu, bus_of(dma.slot, mapping.id, size - PAGE_SIZE), SIZE);
    edu_write(&edu, bus_of(dma.slot, mapping.id, 0), SIZE);
    CHECK(all(address, 0x44));
    memory_detach(address);
    dataspace_free(dataspace); /* scratch pages: tables for 4 KiB pages, on the session */
    edu_write(&edu, bus_of(dma.slot, mapping.id, PAGE_SIZE), SIZE);
    CHECK_EQ(notification_wait(fault_notification, 0, &(uint64_t){0}), ERR_TIMEOUT);

    enum status status = OK;
    unsigned mapped = 0;
    CHECK_EQ(dataspace_alloc(PAGE_SIZE, 0, &dataspace), OK);
    while (status == OK && ++mapped < 10000)
        status = dma_map(dma.slot, dataspace, &(struct dma_map){.size = PAGE_SIZE}, &mapping);
    CHECK_EQ(status, ERR_NO_RAM);
    CHECK_EQ(session_upgrade(&dma, 4 * PAGE_SIZE, 0), OK);
    CHECK_EQ(dma_map(dma.slot, dataspace, &(struct dma_map){.size = PAGE_SIZE}, &mapping), OK);
    session_close(&dma);
    dataspace_free(dataspace);
    edu_bus_master(&edu, false);
}

static void test_all(void)
{
    test_message();
    test_line();
    test_mapped();
    test_exclusive();
    test_dies();
    test_session_end();
    if (iommu) {
        test_confined();
        test_large();
    }
}

int component_main(struct env *environment)
{
    struct connection rom;
    struct rom config;

    (void)environment;
    log_info("dma_test begins");
    test_case("the device is there");
    CHECK_EQ(session_open(&(struct session_options){.service = "ROM", .label_opt = "config"}, &rom), OK);
    CHECK_EQ(rom_map(rom.slot, &config), OK);
    iommu = config.size >= 5 && memcmp(config.data, "iommu", 5) == 0;
    remap = config.size >= 11 && memcmp(config.data, "iommu remap", 11) == 0;
    rom_unmap(&config);
    session_close(&rom);
    bool found = edu_open(&edu);
    CHECK(found);
    if (!found)
        return (int)test_end("dma_test");
    if (iommu) {
        test_begin();
        test_remap();
    }
    test_all();

    test_case("sessions return to their start");
    struct usage before = usage_now();
    test_quiet = true;
    for (unsigned round = 0; round < 2; round++)
        test_all();
    test_quiet = false;
    CHECK_USAGE(before);
    return test_end("dma_test") ? 1 : 0;
}
