/* SPDX-License-Identifier: MIT */
/*
 * QEMU's NVMe controller, for what it has besides being one: a function-level reset, and its MSI-X table in the middle of the
 * registers that a driver needs (NVM Express 1.4, 3.1).
 */
#include "test/platform/platform_test.h"

#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/device/device.h"

enum nvme_register {
    NVME_CONFIGURATION = 0x14,
    NVME_STATUS = 0x1c,
    NVME_ADMIN_QUEUE_SIZES = 0x24,
    NVME_SUBMISSION_QUEUE = 0x28,
    NVME_COMPLETION_QUEUE = 0x30,
    NVME_DOORBELLS = 0x1000,
    NVME_TABLE = 0x2000,        /* as QEMU places it */
    NVME_PENDING_BITS = 0x3000, /* behind it */
};

#define ENABLE      0x00460001u
#define READY       1u
#define QUEUE_SIZES 0x001f001fu

#define COMMAND        4u
#define COMMAND_MASTER 4u

#define LOOKS 1000000u

#define NOWHERE    0x7000000ull
#define RINGS_MOST 100000u

static volatile uint32_t *at(volatile void *registers, unsigned offset)
{
    return (volatile uint32_t *)((volatile uint8_t *)registers + offset);
}

static bool ready(volatile void *registers)
{
    return *at(registers, NVME_STATUS) & READY;
}

/* As a driver starts it, with queues that lie somewhere. */
static void start(struct device *device, volatile void *registers, uint64_t queues)
{
    *at(registers, NVME_ADMIN_QUEUE_SIZES) = QUEUE_SIZES;
    *(volatile uint64_t *)at(registers, NVME_SUBMISSION_QUEUE) = queues;
    *(volatile uint64_t *)at(registers, NVME_COMPLETION_QUEUE) = queues + 4096;
    must(device_bus_master(device, true), "bus mastering");
    *at(registers, NVME_CONFIGURATION) = ENABLE;
    for (unsigned i = 0; i < LOOKS && !ready(registers); i++)
        continue;
    expect(ready(registers), "the controller starts");
}

static void try_reset(struct device *device, volatile void *registers)
{
    struct device_memory queues;
    uint32_t command;

    must(device_dma_alloc(device, 8192, &queues), "memory for queues");
    start(device, registers, queues.bus);
    must(device_reset(device), "a function-level reset");
    expect(!ready(registers), "a reset stops the controller");
    must(device_config_read(device, COMMAND, 2, &command), "the command register");
    expect((command & COMMAND_MASTER) == 0, "bus mastering is off afterwards");
    log_info("reset works");
}

static void try_table(struct device *device, volatile void *registers)
{
    uint32_t notification, interrupt;
    bool level;

    must(notification_create(&notification), "notification");
    must(device_interrupt(device, 3, notification, &interrupt, &level), "a vector");
    expect(*at(registers, NVME_TABLE + 3 * 16) >> 20 == 0xfee, "the message can be read");
    must(device_reset(device), "a reset");
    expect(*at(registers, NVME_TABLE + 3 * 16) >> 20 == 0xfee, "a reset does not lose it");
    expect(*at(registers, NVME_TABLE + 3 * 16 + 12) == 0, "nor mask it");
    *at(registers, NVME_DOORBELLS) = 0;
    (void)*at(registers, NVME_PENDING_BITS);
}

/* Each doorbell makes the controller fetch a command from where it may not. */
static void try_storm(struct device *device, volatile void *registers)
{
    unsigned rings = 0;

    start(device, registers, NOWHERE);
    while (rings < RINGS_MOST && device_bus_master(device, true) == OK)
        *at(registers, NVME_DOORBELLS) = 1 + (rings++ & 1);
    expect(rings < RINGS_MOST, "a device that does not stop is stopped");
    log_info("a storm of faults ended");
}

int role_nvme(struct env *environment)
{
    struct device device;
    volatile void *registers;
    uint64_t size;

    (void)environment;
    must(device_open(&device, "nvme", NULL), "opening the controller");
    must(device_bar(&device, 0, &registers, &size), "its registers");
    try_reset(&device, registers);
    try_table(&device, registers);
    if (device.info.iommu)
        try_storm(&device, registers);
    log_info("nvme: %u failed; now a message is to be forged", failures());
    *at(registers, NVME_TABLE) = 0;
    log_error("FAIL: a driver can forge messages");
    return 1;
}
