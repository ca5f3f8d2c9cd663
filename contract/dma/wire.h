/* SPDX-License-Identifier: MIT */
/*
 * DMA: core's service for the platform driver. A session is one DMA space: the memory that the devices attached to it may reach.
 *
 * The kernel programs the IOMMU (it enforces), the platform driver says which units there are and which device gets which
 * space (it decides). Without an IOMMU a mapping tells physical addresses, and protects nobody; core then stops the devices of
 * a space by their bus-master bit before memory that is still mapped there is given to somebody else.
 * Page tables and notes are paid by the session. A dataspace that is destroyed while it is mapped is replaced by a
 * scratch page, as everywhere, and the IOTLB is invalidated before its frames are reused.
 */
#ifndef CONTRACT_DMA_WIRE_H
#define CONTRACT_DMA_WIRE_H

#include <stdint.h>

#define DMA_SERVICE "DMA"

enum dma_opcode {
    DMA_UNIT_ADD =
        1, /* struct dma_unit -> -. An IOMMU begins to work, blocking every device that is attached to no space.
                              ERR_EXISTS: known already; ERR_UNSUPPORTED: not one that the kernel can drive */
    DMA_DEVICE_ATTACH = 2, /* struct dma_device -> struct dma_protection. ERR_BUSY: it is in another space */
    DMA_DEVICE_DETACH =
        3,         /* struct dma_device -> -. Nothing of it reaches memory afterwards (with an IOMMU) */
    DMA_MAP = 4,   /* struct dma_map, capability 0: dataspace -> struct dma_mapping */
    DMA_RUN = 5,   /* struct dma_at -> struct dma_run */
    DMA_UNMAP = 6, /* struct dma_id -> - */
    DMA_FAULT = 7, /* - -> struct dma_fault; ERR_NOT_FOUND: none that was not told. Of any device */
    DMA_FAULT_NOTIFY = 8, /* capability 0: notification (SIGNAL) -> - */
    DMA_INTERRUPTS =
        9, /* struct dma_interrupts -> -. The unit remaps interrupts from now on: of the devices behind it only
                           messages of IRQ sessions that name it get through (contract/irq). Once for each I/O APIC of
                           the unit, or once without any. ERR_UNSUPPORTED: it cannot, or no such I/O APIC */
    DMA_OPCODE_COUNT = 10,
};

struct dma_unit {
    uint64_t registers; /* physical address: "Register Base Address" of a DRHD structure (VT-d 8.3) */
    uint32_t segment;
    uint32_t all; /* 1: INCLUDE_PCI_ALL: for all functions of the segment that no other unit claims */
};

struct dma_device {
    uint64_t config; /* physical address of its configuration space (ECAM), 0: none known */
    uint64_t unit;   /* `registers` of its IOMMU, 0: none */
    uint16_t segment;
    uint16_t address;  /* bus << 8 | device << 3 | function: the requester id */
    uint32_t reserved; /* 0 */
};

struct dma_protection {
    uint32_t iommu; /* 1: confined */
    uint32_t reserved;
};

struct dma_map {
    uint64_t offset, size; /* in the dataspace, whole pages */
    uint32_t write;
    uint32_t reserved; /* 0 */
};

struct dma_mapping {
    uint32_t id;   /* not 0 */
    uint32_t runs; /* pieces on the bus; with an IOMMU it is one */
};

struct dma_at {
    uint64_t offset;
    uint32_t id;
    uint32_t reserved; /* 0 */
};

struct dma_run {
    uint64_t address, size;
};

struct dma_id {
    uint32_t id;
    uint32_t reserved; /* 0 */
};

struct dma_fault {
    uint64_t address; /* what the device tried to reach */
    uint16_t segment, device;
    uint8_t reason; /* fault reason of the IOMMU (VT-d appendix A) */
    uint8_t write;
    uint16_t lost; /* 1: others were not recorded */
};

struct dma_interrupts {
    uint64_t unit;
    uint8_t has_ioapic;
    uint8_t ioapic;    /* "Enumeration ID" of a device scope of type I/O APIC (VT-d 8.3.1): the APIC's id */
    uint16_t source;   /* the requester id that the scope's path says */
    uint32_t reserved; /* 0 */
};

_Static_assert(sizeof(struct dma_unit) == 16, "wire");
_Static_assert(sizeof(struct dma_device) == 24, "wire");
_Static_assert(sizeof(struct dma_protection) == 8, "wire");
_Static_assert(sizeof(struct dma_map) == 24, "wire");
_Static_assert(sizeof(struct dma_mapping) == 8, "wire");
_Static_assert(sizeof(struct dma_at) == 16, "wire");
_Static_assert(sizeof(struct dma_run) == 16, "wire");
_Static_assert(sizeof(struct dma_id) == 8, "wire");
_Static_assert(sizeof(struct dma_fault) == 16, "wire");
_Static_assert(sizeof(struct dma_interrupts) == 16, "wire");

#endif
