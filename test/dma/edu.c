/* SPDX-License-Identifier: MIT */
/* See edu.h. */
#include "test/dma/edu.h"

#include "contract/io_mem/client.h"
#include "lib/base/env.h"
#include "lib/base/kernel.h"
#include "lib/base/memory.h"
#include "lib/base/thread.h"
#include "lib/fmt/fmt.h"

#define EDU_ID 0x11e81234u

enum edu_register {
    EDU_INTERRUPT_STATUS = 0x24,
    EDU_INTERRUPT_RAISE = 0x60,
    EDU_INTERRUPT_ACK = 0x64,
    EDU_DMA_SOURCE = 0x80,
    EDU_DMA_DESTINATION = 0x88,
    EDU_DMA_COUNT = 0x90,
    EDU_DMA_COMMAND = 0x98,
};

#define EDU_BUFFER        0x40000u
#define EDU_COMMAND_RUN   1u
#define EDU_COMMAND_WRITE 2u /* to memory */

/* PCI 3.0, 6.1, 6.7, 6.8.1 */
enum config_register {
    CONFIG_COMMAND = 4,
    CONFIG_BAR0 = 0x10,
    CONFIG_CAPABILITIES = 0x34,
    MSI_CONTROL = 2,
    MSI_ADDRESS = 4,
    MSI_ADDRESS_HIGH = 8,
    MSI_DATA_64 = 12,
};

#define COMMAND_MEMORY     2u
#define COMMAND_BUS_MASTER 4u
#define CAPABILITY_MSI     5u
#define MSI_ENABLE         1u

static volatile uint32_t *word32(volatile uint8_t *base, unsigned offset)
{
    return (volatile uint32_t *)(base + offset);
}

static volatile uint16_t *word16(volatile uint8_t *base, unsigned offset)
{
    return (volatile uint16_t *)(base + offset);
}

static volatile uint64_t *word64(volatile uint8_t *base, unsigned offset)
{
    return (volatile uint64_t *)(base + offset);
}

static bool map(uint64_t base, uint64_t size, struct connection *session, volatile uint8_t **out)
{
    char args[64];
    struct io_mem_range range;
    uint32_t dataspace;
    void *address;

    (void)fmt_format(args, sizeof(args), "base=0x%llx, size=0x%llx", (unsigned long long)base,
                     (unsigned long long)size);
    if (session_open(
            &(struct session_options){.service = "IO_MEM", .args_opt = args, .ram = 16 << 10, .caps = 5},
            session) != OK ||
        io_mem_dataspace(session->slot, &range, &dataspace) != OK ||
        memory_attach(dataspace, PD_READ | PD_WRITE, &address) != OK)
        return false;
    *out = address;
    return true;
}

bool edu_open(struct edu *edu)
{
    if (!map(EDU_ECAM + EDU_ADDRESS * 4096, 4096, &edu->config_session, &edu->config) ||
        *word32(edu->config, 0) != EDU_ID)
        return false;
    *word16(edu->config, CONFIG_COMMAND) |= COMMAND_MEMORY;
    return map(*word32(edu->config, CONFIG_BAR0) & ~0xfu, 4096, &edu->bar_session, &edu->registers);
}

struct dma_device edu_device(bool iommu)
{
    return (struct dma_device){
        .config = EDU_ECAM + EDU_ADDRESS * 4096,
        .unit = iommu ? EDU_UNIT : 0,
        .address = EDU_ADDRESS,
    };
}

void edu_bus_master(struct edu *edu, bool on)
{
    volatile uint16_t *command = word16(edu->config, CONFIG_COMMAND);

    *command = (uint16_t)(on ? *command | COMMAND_BUS_MASTER : *command & ~COMMAND_BUS_MASTER);
}

bool edu_is_bus_master(const struct edu *edu)
{
    return *word16(edu->config, CONFIG_COMMAND) & COMMAND_BUS_MASTER;
}

static volatile uint8_t *msi(struct edu *edu)
{
    unsigned at = edu->config[CONFIG_CAPABILITIES];

    while (at && edu->config[at] != CAPABILITY_MSI)
        at = edu->config[at + 1];
    return edu->config + at;
}

void edu_message_set(struct edu *edu, uint64_t address, uint32_t data)
{
    *word32(msi(edu), MSI_ADDRESS) = (uint32_t)address;
    *word32(msi(edu), MSI_ADDRESS_HIGH) = (uint32_t)(address >> 32);
    *word16(msi(edu), MSI_DATA_64) = (uint16_t)data;
    *word16(msi(edu), MSI_CONTROL) |= MSI_ENABLE;
}

void edu_message_off(struct edu *edu)
{
    *word16(msi(edu), MSI_CONTROL) &= (uint16_t)~MSI_ENABLE;
}

void edu_raise(struct edu *edu)
{
    *word32(edu->registers, EDU_INTERRUPT_RAISE) = 1;
}

bool edu_quiet(struct edu *edu)
{
    uint32_t status = *word32(edu->registers, EDU_INTERRUPT_STATUS);

    *word32(edu->registers, EDU_INTERRUPT_ACK) = status;
    return status != 0;
}

static void run(struct edu *edu, uint64_t source, uint64_t destination, uint32_t size, uint64_t command)
{
    *word64(edu->registers, EDU_DMA_SOURCE) = source;
    *word64(edu->registers, EDU_DMA_DESTINATION) = destination;
    *word64(edu->registers, EDU_DMA_COUNT) = size;
    *word64(edu->registers, EDU_DMA_COMMAND) = command | EDU_COMMAND_RUN;
    while (*word64(edu->registers, EDU_DMA_COMMAND) & EDU_COMMAND_RUN)
        thread_sleep_until(kernel_tsc() + env.page->tsc_khz * 5);
}

void edu_read(struct edu *edu, uint64_t bus, uint32_t size)
{
    run(edu, bus, EDU_BUFFER, size, 0);
}

void edu_write(struct edu *edu, uint64_t bus, uint32_t size)
{
    run(edu, EDU_BUFFER, bus, size, EDU_COMMAND_WRITE);
}
