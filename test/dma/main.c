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
static bool iommu;

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
    CHECK_EQ(open("IRQ", "type=msi", &irq), OK);
    CHECK_EQ(irq_msi(irq.slot, &message), ERR_NOT_FOUND);
    CHECK_EQ(irq_bind(irq.slot, notification, &line, &interrupt), OK);
    CHECK_EQ(irq_msi(irq.slot, &message), OK);
    CHECK_EQ(line.level, 0);
    CHECK_EQ(open("IRQ", "type=msi", &second), OK);
    CHECK_EQ(irq_bind(second.slot, notification, &line, &interrupt2), OK);
    CHECK_EQ(irq_msi(second.slot, &other), OK);
    CHECK(message.data != other.data);

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

static void test_all(void)
{
    test_message();
    test_line();
    test_mapped();
    test_exclusive();
    test_dies();
    test_session_end();
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
    rom_unmap(&config);
    session_close(&rom);
    bool found = edu_open(&edu);
    CHECK(found);
    if (!found)
        return (int)test_end("dma_test");
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
