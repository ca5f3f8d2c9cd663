/* SPDX-License-Identifier: MIT */
/* QEMU's educational device, see edu.h. */
#include "test/platform/edu.h"

#include "lib/base/cap.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"

enum edu_register {
    EDU_ID = 0x00,
    EDU_LIVENESS = 0x04, /* reads as the complement of what was written */
    EDU_INTERRUPT_STATUS = 0x24,
    EDU_INTERRUPT_RAISE = 0x60,
    EDU_INTERRUPT_ACK = 0x64,
    EDU_DMA_SOURCE = 0x80,
    EDU_DMA_DESTINATION = 0x88,
    EDU_DMA_COUNT = 0x90,
    EDU_DMA_COMMAND = 0x98,
};

#define EDU_ID_MASK  0xffffu
#define EDU_ID_VALUE 0x00edu

enum { EDU_DMA_RUN = 1, EDU_DMA_TO_MEMORY = 2 };

#define EDU_BUFFER 0x40000ull /* the device's own address of its buffer */

#define MS       1000000ull
#define PATIENCE 3000u /* ms */

uint32_t edu_read(const struct edu *edu, unsigned offset)
{
    return *(volatile uint32_t *)(edu->registers + offset);
}

void edu_write(const struct edu *edu, unsigned offset, uint32_t value)
{
    *(volatile uint32_t *)(edu->registers + offset) = value;
}

static void write_wide(const struct edu *edu, unsigned offset, uint64_t value)
{
    *(volatile uint64_t *)(edu->registers + offset) = value;
}

void wait_ms(unsigned ms)
{
    uint64_t bits, end = time_after_ns(ms * MS);

    while (notification_wait(thread_self()->notification, end, &bits) == OK)
        continue;
}

/*
 * It cannot be reset, so what the driver before had ordered must be over before it may reach memory again: without bus
 * mastering it runs into nothing.
 */
static enum status await_idle(const struct edu *edu)
{
    for (unsigned ms = 0; ms < PATIENCE; ms += 10) {
        if (!(edu_read(edu, EDU_DMA_COMMAND) & EDU_DMA_RUN))
            return OK;
        wait_ms(10);
    }
    return ERR_TIMEOUT;
}

enum status edu_open(struct edu *edu, const char *label)
{
    volatile void *registers;
    uint64_t size;
    enum status status = device_open(&edu->device, label, NULL);

    if (status == OK)
        status = device_bar(&edu->device, 0, &registers, &size);
    if (status != OK)
        return status;
    edu->registers = registers;
    edu_write(edu, EDU_LIVENESS, 0x12345678);
    if ((edu_read(edu, EDU_ID) & EDU_ID_MASK) != EDU_ID_VALUE || edu_read(edu, EDU_LIVENESS) != ~0x12345678u)
        return ERR_IO;
    return await_idle(edu);
}

enum status edu_interrupt_bind(struct edu *edu)
{
    enum status status = notification_create(&edu->notification);

    if (status == OK)
        status = device_interrupt(&edu->device, 0, edu->notification, &edu->interrupt, &edu->level);
    return status == OK ? interrupt_ack(edu->interrupt) : status;
}

enum status edu_interrupt_try(struct edu *edu, uint32_t value)
{
    uint64_t bits;

    edu_write(edu, EDU_INTERRUPT_RAISE, value);
    enum status status = notification_wait(edu->notification, time_after_ns(1000 * MS), &bits);

    if (status == OK && edu_read(edu, EDU_INTERRUPT_STATUS) != value)
        status = ERR_IO;
    edu_write(edu, EDU_INTERRUPT_ACK, value);
    return status == OK ? interrupt_ack(edu->interrupt) : status;
}

void edu_dma_begin(const struct edu *edu, uint64_t bus, uint64_t size, enum edu_direction direction)
{
    bool to_memory = direction == EDU_TO_MEMORY;

    write_wide(edu, EDU_DMA_SOURCE, to_memory ? EDU_BUFFER : bus);
    write_wide(edu, EDU_DMA_DESTINATION, to_memory ? bus : EDU_BUFFER);
    write_wide(edu, EDU_DMA_COUNT, size);
    write_wide(edu, EDU_DMA_COMMAND, EDU_DMA_RUN | (to_memory ? EDU_DMA_TO_MEMORY : 0u));
}

enum status edu_dma(const struct edu *edu, uint64_t bus, uint64_t size, enum edu_direction direction)
{
    edu_dma_begin(edu, bus, size, direction);
    return await_idle(edu);
}
