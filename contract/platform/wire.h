/* SPDX-License-Identifier: MIT */
/*
 * PLATFORM: one PCI function, as its driver may use it.
 *
 * Which function a session denotes is the platform driver's policy, by the client's label. The argument index=N takes
 * the N-th of those that the policy's node matches (0 by default). A function has one session at a time. ERR_NOT_FOUND: no such
 * function; ERR_DENIED: no policy; ERR_BUSY: another session has it.
 *
 * The driver reaches registers through BAR, hears interrupts through INTERRUPT (MSI-X, MSI or INTx, as the function has
 * them; all are acknowledged by interrupt_ack of lib/base), and gives the device memory by DMA_MAP. With an IOMMU the device reaches
 * nothing else. When the session is closed or its driver dies, the function is stopped (bus master off, reset where it can
 * be, mappings removed and the IOTLB invalidated) before anybody gets it again.
 */
#ifndef CONTRACT_PLATFORM_WIRE_H
#define CONTRACT_PLATFORM_WIRE_H

#include <stdint.h>

#define PLATFORM_SERVICE     "PLATFORM"
#define PLATFORM_BARS        6u
#define PLATFORM_CONFIG_SIZE 4096u

/* Lent at opening: the session itself and its DMA space. What is asked for later may need more: ERR_NO_RAM and ERR_NO_CAPS
   mean "upgrade the session and repeat", for every operation. ERR_AGAIN: the function is being reset, which takes some 100 ms,
   after RESET and when it was another's before; repeat later. */
#define PLATFORM_SESSION_RAM  (96u << 10)
#define PLATFORM_SESSION_CAPS 24u

enum platform_opcode {
    PLATFORM_DEVICE = 1, /* - -> struct platform_device */
    PLATFORM_BAR =
        2, /* struct platform_index -> struct platform_bar_range, capability 0: dataspace (uncached) */
    PLATFORM_INTERRUPT =
        3, /* struct platform_index, capability 0: notification (SIGNAL) -> struct platform_interrupt,
                                 capability 0: interrupt (ACK). Masked until the first acknowledgement */
    PLATFORM_CONFIG_READ =
        4, /* struct platform_config -> struct platform_value. Anywhere in configuration space */
    PLATFORM_BUS_MASTER =
        5, /* struct platform_value: 0 off, 1 on -> -. ERR_DENIED: its DMA was refused too often */
    PLATFORM_RESET =
        6, /* - -> -. Begins a function-level reset; ERR_UNSUPPORTED: the function has none. Bus master is off afterwards,
              interrupts stay bound */
    PLATFORM_DMA_MAP = 7, /* struct platform_dma_map, capability 0: dataspace -> struct platform_dma_mapping.
                                 ERR_NO_RAM, ERR_NO_CAPS: upgrade the session and repeat */
    PLATFORM_DMA_RUN = 8, /* struct platform_dma_at -> struct platform_dma_run */
    PLATFORM_DMA_UNMAP =
        9, /* struct platform_dma_id -> -. The device cannot reach it afterwards (with an IOMMU) */
    PLATFORM_OPCODE_COUNT = 10,
};

struct platform_bar {
    uint64_t size; /* 0: no such register, or I/O ports (not supported) */
};

struct platform_device {
    uint16_t vendor, device;
    uint32_t class_code;       /* class << 16 | subclass << 8 | programming interface */
    uint16_t segment, address; /* bus << 8 | device << 3 | function */
    uint32_t interrupts;       /* vectors that INTERRUPT can give: MSI-X or MSI, else 1 (INTx) or 0 */
    uint32_t iommu;            /* 1: its DMA is confined */
    uint32_t reserved;         /* 0 */
    struct platform_bar bar[PLATFORM_BARS];
};

struct platform_index {
    uint32_t index;
    uint32_t reserved; /* 0 */
};

struct platform_bar_range {
    uint64_t size;        /* bytes */
    uint64_t page_offset; /* where it begins in the dataspace's first page */
};

struct platform_interrupt {
    uint32_t level; /* 1: INTx, perhaps shared: may be spurious */
    uint32_t reserved;
};

struct platform_config {
    uint32_t offset; /* a multiple of width */
    uint32_t width;  /* 1, 2, 4 */
};

struct platform_value {
    uint64_t value;
};

struct platform_dma_map {
    uint64_t offset, size; /* in the dataspace, whole pages */
    uint32_t write;        /* 1: the device may write there */
    uint32_t reserved;     /* 0 */
};

struct platform_dma_mapping {
    uint32_t id;
    uint32_t runs; /* 1: the device sees it in one piece (always so with an IOMMU) */
};

struct platform_dma_at {
    uint64_t offset; /* bytes in the mapping, whole pages */
    uint32_t id;
    uint32_t reserved; /* 0 */
};

struct platform_dma_run {
    uint64_t address; /* on the bus */
    uint64_t size;    /* bytes from `offset` on that are in one piece */
};

struct platform_dma_id {
    uint32_t id;
    uint32_t reserved; /* 0 */
};

_Static_assert(sizeof(struct platform_device) == 72, "wire");
_Static_assert(sizeof(struct platform_index) == 8, "wire");
_Static_assert(sizeof(struct platform_bar_range) == 16, "wire");
_Static_assert(sizeof(struct platform_interrupt) == 8, "wire");
_Static_assert(sizeof(struct platform_config) == 8, "wire");
_Static_assert(sizeof(struct platform_value) == 8, "wire");
_Static_assert(sizeof(struct platform_dma_map) == 24, "wire");
_Static_assert(sizeof(struct platform_dma_mapping) == 8, "wire");
_Static_assert(sizeof(struct platform_dma_at) == 16, "wire");
_Static_assert(sizeof(struct platform_dma_run) == 16, "wire");
_Static_assert(sizeof(struct platform_dma_id) == 8, "wire");

#endif
