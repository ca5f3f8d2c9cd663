/* SPDX-License-Identifier: MIT */
/*
 * Port 0x80: where firmware shows progress codes and Linux writes to pass time. Remembers the last byte, as
 * the DMA page register behind the real port does (Intel ICH9 datasheet, 13.2), and has no effect.
 */
#ifndef VMM_DEVICE_POST_POST_H
#define VMM_DEVICE_POST_POST_H

#include "vmm/device/device.h"

struct post {
    uint8_t code;
};

void post_init(struct post *post);
uint64_t post_read(struct post *post, uint64_t offset, unsigned width);
void post_write(struct post *post, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops post_ops;

#endif
