/* SPDX-License-Identifier: MIT */
/*
 * Reset control register RST_CNT (port 0xCF9).
 *
 * Source: Intel ICH9 datasheet, 13.7.5. A change of RST_CPU from 0 to 1 resets the machine; SYS_RST and
 * FULL_RST choose how hard, which makes no difference to a virtual machine. The port lies within
 * CONFIG_ADDRESS: the PCI configuration window owns the bus range and hands byte accesses on (see
 * ../pci_config).
 */
#ifndef VMM_DEVICE_RESET_RESET_H
#define VMM_DEVICE_RESET_RESET_H

#include "vmm/device/device.h"

struct reset {
    void (*request)(void *context); /* the guest asked for a reset; called in the middle of its access */
    void *context;
    uint8_t control;
};

void reset_init(struct reset *reset, void (*request)(void *context), void *context);

uint64_t reset_read(struct reset *reset, uint64_t offset, unsigned width);
void reset_write(struct reset *reset, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops reset_ops;

#endif
