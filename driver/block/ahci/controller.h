/* SPDX-License-Identifier: MIT */
/*
 * The HBA as a PCI function: its session at the platform driver, its registers, memory that it shares with us, and the memory of
 * clients.
 */
#ifndef DRIVER_BLOCK_AHCI_CONTROLLER_H
#define DRIVER_BLOCK_AHCI_CONTROLLER_H

#include "driver/block/ahci/ahci_hba.h"
#include "driver/block/ahci/ahci_port.h"
#include "lib/device/device.h"

#define CONTROLLER_LABEL "ahci"

struct controller {
    struct device device;
    struct ahci_hba hba;
    struct ahci_memory memory;
    volatile uint8_t *registers;
    uint32_t interrupt;
    bool level;
};

/* The function is opened, and the HBA reset. What fails is said in the log. */
[[nodiscard]] enum status controller_open(struct controller *controller, unsigned index);

/* Page and tables for one port; bus master is on afterwards. */
[[nodiscard]] enum status controller_memory(struct controller *controller);

[[nodiscard]] enum status controller_interrupt(struct controller *controller, uint32_t notification);

/* Memory of clients, for struct block_device_ops. ERR_UNSUPPORTED: the HBA does not reach it. */
[[nodiscard]] enum status controller_region_map(struct controller *controller, uint32_t dataspace,
                                                uint64_t offset, struct block_region *region);
void controller_region_unmap(struct controller *controller, struct block_region *region);

/* Registers and clock for struct ahci_access; the context is the controller. */
uint32_t controller_read(void *controller, uint32_t offset);
void controller_write(void *controller, uint32_t offset, uint32_t value);
uint64_t controller_now(void *controller);

/* Lets the thread sleep; only before it serves. */
void controller_pause(void *controller, uint64_t ns);

#endif
