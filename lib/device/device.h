/* SPDX-License-Identifier: MIT */
/*
 * A PCI function as its driver sees it, on a PLATFORM session: registers, interrupts, and memory that it shares with the
 * device.
 *
 *     struct device device;
 *
 *     device_open(&device, "ahci", NULL);
 *     device_bar(&device, 5, &registers, &size);
 *     device_dma_alloc(&device, 4096, &commands);             commands.memory.address for us, commands.bus for the device
 *     device_interrupt(&device, 0, signal.slot, &interrupt);
 *     device_bus_master(&device, true);
 *
 * All functions call the platform driver and wait for it, except device_dma_address(), which only looks into a table. Sessions
 * are upgraded by themselves when a mapping needs more (from this component's quota).
 */
#ifndef LIB_DEVICE_DEVICE_H
#define LIB_DEVICE_DEVICE_H

#include "contract/platform/wire.h"
#include "lib/base/memory.h"
#include "lib/base/session.h"
#include "lib/base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct device {
    struct connection connection;
    struct platform_device info;
};

/* Says in the log what is missing if it fails. `args_opt`: see contract/platform/wire.h. */
[[nodiscard]] enum status device_open(struct device *device, const char *label, const char *args_opt);

/* ERR_NOT_FOUND: no memory behind this base address register. Attached uncached for the life of the component. */
[[nodiscard]] enum status device_bar(struct device *device, unsigned index, volatile void **registers,
                                     uint64_t *size);

/* *interrupt is *given*, for interrupt_ack(). *level: acknowledge after the device has been quietened. Messages (MSI, MSI-X)
   are writes to memory: none comes before device_bus_master(). */
[[nodiscard]] enum status device_interrupt(struct device *device, unsigned index, uint32_t notification,
                                           uint32_t *interrupt, bool *level);
[[nodiscard]] enum status device_config_read(struct device *device, unsigned offset, unsigned width,
                                             uint32_t *value);

/* Before it is on, the device must have been brought to rest: one that cannot be reset may still have orders of the
   driver before this one, and only an IOMMU would keep it from carrying them out. */
[[nodiscard]] enum status device_bus_master(struct device *device, bool on);

/* Waits for the reset's end. Bus mastering is off then; interrupts stay bound. */
[[nodiscard]] enum status device_reset(struct device *device);

/* Where a mapping is on the bus: runs in ascending order of offset; with an IOMMU there is exactly one. */
struct device_run {
    uint64_t offset; /* of the run's first byte in the mapping */
    uint64_t address;
};

struct device_mapping {
    uint32_t id;
    uint32_t run_count;
    uint64_t size;
    struct device_run *runs; /* of the heap */
};

[[nodiscard]] enum status device_dma_map(struct device *device, uint32_t dataspace, uint64_t offset,
                                         uint64_t size, bool write, struct device_mapping *out);
void device_dma_unmap(struct device *device, struct device_mapping *mapping);

/* The memory behind it has been freed, and there is no IOMMU: its addresses are somebody else's by now, and core has taken bus mastering from
   the device, unless that was on only later. So: bring the device to rest, device_bus_master(true), look, and only then give it orders. */
bool device_dma_gone(struct device *device, const struct device_mapping *mapping);

/* The bus address of a byte, and how many bytes from there on are in one piece (cut to the mapping's end). `offset` is below
   the mapping's size. Hardware-free. */
uint64_t device_dma_address(const struct device_mapping *mapping, uint64_t offset, uint64_t *contiguous);

/* Zeroed memory in one piece on the bus, for rings and tables. */
struct device_memory {
    struct memory memory; /* .address for us */
    struct device_mapping mapping;
    uint64_t bus;
};

[[nodiscard]] enum status device_dma_alloc(struct device *device, uint64_t size, struct device_memory *out);
void device_dma_free(struct device *device, struct device_memory *memory);

#endif
