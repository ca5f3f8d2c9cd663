/* SPDX-License-Identifier: MIT */
/*
 * A hostile driver and its victim.
 *
 * The victim keeps a page of known bytes, and helps the attacker as no victim would: it tells the physical address, which it
 * learns from a DMA space of its own, with a device that does not exist and that nothing confines. The driver orders its device to write there, then says that it has
 * done so; the victim looks at its page and says what it sees.
 */
#include "test/platform/platform_test.h"

#include "contract/dma/client.h"
#include "contract/report/client.h"
#include "contract/rom/client.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/session.h"
#include "lib/config/config.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"
#include "test/platform/edu.h"

#define TEXT_SIZE 4096u
#define ADDRESS   "address" /* attribute of what they say */

static uint32_t changed;

static void say(const char *name, uint64_t address)
{
    static struct report report;

    must(report_open(name, TEXT_SIZE, &report), "opening a report");
    size_t length =
        fmt_format(report.text, report.size, "<%s address=\"0x%llx\"/>", name, (unsigned long long)address);
    must(report_submit(&report, length), "reporting");
}

static uint64_t await(const char *name)
{
    struct rom_reader reader;
    struct xml_node root;
    struct xml_error error;
    uint64_t address = 0, bits;

    must(notification_create(&changed), "notification");
    must(rom_open(name, TEXT_SIZE, &reader), "opening what the other one says");
    must(rom_notify(&reader, changed), "notify");
    while (rom_update(&reader) != OK)
        must(notification_wait(changed, UINT64_MAX, &bits), "waiting");
    if (xml_validate(reader.rom.data, reader.rom.size, &error) != OK ||
        !xml_root(reader.rom.data, reader.rom.size, &root) ||
        xml_attribute_unsigned(root, ADDRESS, &address) != OK)
        must(ERR_INVALID, "reading what the other one says");
    rom_close(&reader);
    return address;
}

/* ---- the victim ---- */

static uint64_t physical_address(uint32_t dataspace)
{
    struct session_options options = {
        .service = DMA_SERVICE, .label_opt = "curious", .ram = DMA_SESSION_RAM, .caps = DMA_SESSION_CAPS};
    struct dma_device nobody = {.address = UINT16_MAX};
    struct dma_protection none;
    struct connection connection;
    struct dma_map map = {.size = PAGE_SIZE};
    struct dma_mapping mapping;
    struct dma_run run;

    must(session_open(&options, &connection), "a DMA space");
    must(dma_device_attach(connection.slot, &nobody, &none), "a device that does not exist");
    must(dma_map(connection.slot, dataspace, &map, &mapping), "mapping");
    must(dma_run(connection.slot, &(struct dma_at){.id = mapping.id}, &run), "asking for the address");
    session_close(&connection);
    return run.address;
}

int role_victim(struct env *environment)
{
    struct memory page;

    (void)environment;
    must(memory_alloc(PAGE_SIZE, &page), "memory");
    canary_put(page.address, PAGE_SIZE);

    uint64_t address = physical_address(page.dataspace);

    log_info("my page lies at 0x%llx", (unsigned long long)address);
    say("page", address);
    (void)await("attack");

    size_t differing = canary_differs(page.address, PAGE_SIZE);

    if (differing)
        log_info("%zu bytes of my page are no longer mine", differing);
    else
        log_info("my page is untouched");
    return 0;
}

/* ---- the driver ---- */

int role_hostile(struct env *environment)
{
    static struct edu edu;
    struct device_memory own;
    uint64_t target = await("page");

    (void)environment;
    must(edu_open(&edu, "edu"), "opening the device");
    must(device_dma_alloc(&edu.device, EDU_BUFFER_SIZE, &own), "memory for the device");
    memset(own.memory.address, 0xee, EDU_BUFFER_SIZE);
    must(device_bus_master(&edu.device, true), "bus mastering");
    must(edu_dma(&edu, own.bus, EDU_BUFFER_SIZE - 1, EDU_FROM_MEMORY), "filling the device's buffer");
    log_info("ordering the device to write to 0x%llx", (unsigned long long)target);
    must(edu_dma(&edu, target, EDU_BUFFER_SIZE - 1, EDU_TO_MEMORY), "the attack");
    log_info("the device says that it is done");
    say("attack", target);
    /* What was allowed works as before. */
    must(edu_dma(&edu, own.bus, EDU_BUFFER_SIZE - 1, EDU_TO_MEMORY), "DMA to own memory");
    return 0;
}
