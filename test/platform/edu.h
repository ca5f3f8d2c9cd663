/* SPDX-License-Identifier: MIT */
/*
 * QEMU's educational device (docs/specs/edu.txt): registers, an interrupt that can be raised by hand, and DMA between memory
 * and a buffer of its own. A transfer begins some 100 ms after it was ordered, and ignores the IOMMU's opinion.
 */
#ifndef TEST_PLATFORM_EDU_H
#define TEST_PLATFORM_EDU_H

#include "lib/device/device.h"

#define EDU_BUFFER_SIZE 4096u

enum edu_direction {
    EDU_FROM_MEMORY = 0, /* memory -> device */
    EDU_TO_MEMORY = 1,
};

struct edu {
    struct device device;
    volatile uint8_t *registers;
    uint32_t notification;
    uint32_t interrupt;
    bool level;
};

/* Opens the session `label`, attaches registers, checks identification; no interrupt yet. */
[[nodiscard]] enum status edu_open(struct edu *edu, const char *label);
[[nodiscard]] enum status edu_interrupt_bind(struct edu *edu);

uint32_t edu_read(const struct edu *edu, unsigned offset);
void edu_write(const struct edu *edu, unsigned offset, uint32_t value);

/* Raises an interrupt and waits for it. ERR_TIMEOUT: none came within a second. */
[[nodiscard]] enum status edu_interrupt_try(struct edu *edu, uint32_t value);

/* Orders a transfer of `size` bytes between the beginning of the device's buffer and a bus address. */
void edu_dma_begin(const struct edu *edu, uint64_t bus, uint64_t size, enum edu_direction direction);

/* The same, and waits until it is over. ERR_TIMEOUT: it did not end. */
[[nodiscard]] enum status edu_dma(const struct edu *edu, uint64_t bus, uint64_t size,
                                  enum edu_direction direction);

/* Sleeps. */
void wait_ms(unsigned ms);

#endif
