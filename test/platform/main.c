/* SPDX-License-Identifier: MIT */
/*
 * Drivers of QEMU's educational device, one program in several roles (<config role="..."/>):
 *
 *   edu      uses everything that PLATFORM offers, and asks for what it must not have
 *   again    goes on when the platform driver has been started anew
 *   messages, line   interrupts of other devices (nic.c)
 *   nvme     resets, and tries to forge an interrupt (nvme.c)
 *   mortal   writes by DMA into memory that it was given, and dies while the device is still at it (death.c)
 *   witness  whose memory that is, and who looks at it afterwards
 *   hostile  lets the device write to an address that is none of its business (hostile.c)
 *   victim   who lives there
 */
#include "test/platform/platform_test.h"

#include "lib/base/cap.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/config/config.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"
#include "test/platform/edu.h"

#define FACTORIAL      0x08u
#define STATUS         0x20u
#define STATUS_WORKING 1u

#define ROUNDS 100u

static unsigned failed;

void expect(bool good, const char *what)
{
    if (good)
        return;
    log_error("FAIL: %s", what);
    failed++;
}

void must(enum status status, const char *what)
{
    if (status == OK)
        return;
    log_error("FAIL: %s: %s", what, status_text(status));
    component_exit(2);
}

unsigned failures(void)
{
    return failed;
}

void canary_put(void *memory, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)memory)[i] = (uint8_t)(i * 7 + 1);
}

size_t canary_differs(const void *memory, size_t size)
{
    size_t differing = 0;

    for (size_t i = 0; i < size; i++)
        differing += ((const volatile uint8_t *)memory)[i] != (uint8_t)(i * 7 + 1);
    return differing;
}

/* ---- role edu ---- */

static void try_registers(struct edu *edu)
{
    uint32_t id = 0;

    edu_write(edu, FACTORIAL, 10);
    while (edu_read(edu, STATUS) & STATUS_WORKING)
        continue;
    expect(edu_read(edu, FACTORIAL) == 3628800, "10! is 3628800");
    must(device_config_read(&edu->device, 0, 4, &id), "reading configuration space");
    expect(id == 0x11e81234, "configuration space says who it is");
    expect(device_config_read(&edu->device, 4096, 1, &id) == ERR_RANGE,
           "behind configuration space is nothing");
    expect(edu->device.info.bar[0].size == 1u << 20, "BAR0 has 1 MiB");

    volatile void *registers;
    uint64_t size;

    expect(device_bar(&edu->device, 1, &registers, &size) == ERR_NOT_FOUND, "there is no BAR1");
    log_info("registers work");
}

static void try_interrupts(struct edu *edu)
{
    uint32_t interrupt;
    bool level;

    must(edu_interrupt_bind(edu), "binding the interrupt");
    must(device_bus_master(&edu->device, true), "bus mastering");
    for (uint32_t i = 1; i <= 20; i++)
        must(edu_interrupt_try(edu, i), "an interrupt");
    expect(device_interrupt(&edu->device, edu->device.info.interrupts, edu->notification, &interrupt,
                            &level) == ERR_RANGE,
           "there is one vector");
    log_info("20 interrupts came, %s", edu->level ? "by line" : "as messages");
}

static void try_dma(struct edu *edu)
{
    struct device_memory out, in;

    must(device_dma_alloc(&edu->device, EDU_BUFFER_SIZE, &out), "memory for the device");
    must(device_dma_alloc(&edu->device, EDU_BUFFER_SIZE, &in), "memory for the device");
    canary_put(out.memory.address, EDU_BUFFER_SIZE);
    must(edu_dma(edu, out.bus, EDU_BUFFER_SIZE - 1, EDU_FROM_MEMORY), "DMA from memory");
    must(edu_dma(edu, in.bus, EDU_BUFFER_SIZE - 1, EDU_TO_MEMORY), "DMA to memory");
    expect(canary_differs(in.memory.address, EDU_BUFFER_SIZE - 1) == 0, "what was sent comes back");
    device_dma_free(&edu->device, &out);
    device_dma_free(&edu->device, &in);
    log_info("DMA in both directions works, %s", edu->device.info.iommu ? "confined" : "not confined");
}

/* More than was lent at the opening: the library lends more. */
static void try_many_mappings(struct edu *edu)
{
    static struct device_memory memory[64];

    for (unsigned i = 0; i < 64; i++) {
        must(device_dma_alloc(&edu->device, 4 * EDU_BUFFER_SIZE, &memory[i]), "many mappings");
        for (unsigned j = 0; j < i; j++)
            expect(memory[j].bus != memory[i].bus, "mappings have addresses of their own");
    }
    for (unsigned i = 0; i < 64; i++)
        device_dma_free(&edu->device, &memory[i]);
}

static void try_policy(struct edu *edu)
{
    struct device other;
    struct session_options few = {.service = PLATFORM_SERVICE, .label_opt = "edu"};

    expect(device_open(&other, "forbidden", NULL) == ERR_DENIED, "no policy, no device");
    expect(device_open(&other, "edu", "index=7") == ERR_NOT_FOUND, "there are not so many");
    expect(device_open(&other, "edu", "index=x") == ERR_INVALID, "no number");
    expect(device_open(&other, "edu", NULL) == ERR_BUSY, "one session a function");
    expect(device_reset(&edu->device) == ERR_UNSUPPORTED, "this one cannot be reset");
    session_close(&edu->device.connection);
    expect(session_open(&few, &other.connection) == ERR_NO_RAM, "a session without quota");
}

/* What a session costs its server comes back: more rounds than the server has memory for otherwise. */
static void try_often(struct edu *edu)
{
    struct device_memory memory;

    for (unsigned i = 0; i < ROUNDS; i++) {
        must(edu_open(edu, "edu"), "opening the device once more");
        must(edu_interrupt_bind(edu), "binding its interrupt");
        must(device_dma_alloc(&edu->device, 16 * EDU_BUFFER_SIZE, &memory), "memory for the device");
        device_dma_free(&edu->device, &memory);
        cap_free(edu->interrupt);
        notification_destroy(edu->notification);
        session_close(&edu->device.connection);
    }
    log_info("%u sessions one after another", ROUNDS);
}

int role_edu(struct env *environment)
{
    static struct edu edu;

    (void)environment;
    for (unsigned life = 1; life <= 2; life++) {
        must(edu_open(&edu, "edu"), "opening the device");
        try_registers(&edu);
        try_interrupts(&edu);
        try_dma(&edu);
        try_many_mappings(&edu);
        try_policy(&edu);
    }
    try_often(&edu);
    log_info("edu: %u failed", failures());
    return failures() ? 1 : 0;
}

/* ---- role again ---- */

#define LIVES 3u

/* The platform driver itself ends and comes back. Its client opens a new session, as if nothing had been. */
int role_again(struct env *environment)
{
    static struct edu edu;
    uint32_t id;

    (void)environment;
    for (unsigned life = 1; life <= LIVES; life++) {
        must(edu_open(&edu, "edu"), "opening the device");
        try_interrupts(&edu);
        try_dma(&edu);
        enum status status = OK;
        while (life < LIVES && (status = device_config_read(&edu.device, 0, 4, &id)) == OK)
            wait_ms(10);
        expect(life == LIVES || status == ERR_PEER_GONE, "only the server's end ends a session");
        session_close(&edu.device.connection);
    }
    log_info("again: %u failed", failures());
    return failures() ? 1 : 0;
}

/* ---- start ---- */

int component_main(struct env *environment)
{
    static const struct {
        const char *name;
        int (*run)(struct env *environment);
    } roles[] = {
        {"edu", role_edu},         {"again", role_again},     {"messages", role_messages},
        {"line", role_line},       {"nvme", role_nvme},       {"mortal", role_mortal},
        {"witness", role_witness}, {"hostile", role_hostile}, {"victim", role_victim},
    };
    struct xml_node config;

    must(config_load(&config), "configuration");
    for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
        if (xml_attribute_is(config, "role", roles[i].name))
            return roles[i].run(environment);
    config_complain(config, "role", "unknown");
    return 2;
}
