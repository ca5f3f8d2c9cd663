/* SPDX-License-Identifier: MIT */
/*
 * What the files of DMA have in common, and what other services ask.
 *
 * A session's space is of one of two kinds, which its first device or mapping decides: confined by an IOMMU, with a space
 * in the kernel; or physical, where a mapping is nothing but a note. Then core holds the devices by their bus-master bit:
 * before memory goes that is still mapped, all devices of the space are stopped.
 */
#ifndef CORE_DMA_H
#define CORE_DMA_H

#include "contract/dma/wire.h"
#include "core/core.h"
#include "core/region_map.h"
#include "core/session.h"

enum dma_kind {
    DMA_UNDECIDED = 0,
    DMA_PHYSICAL = 1,
    DMA_CONFINED = 2,
};

struct dma_function {
    struct dma_function *next;
    uint64_t config; /* physical address of its configuration space, 0: none known */
    uint16_t segment, address;
    uint32_t iommu; /* CAP_NONE: nothing confines it */
};

struct dma_session {
    struct session session;
    enum dma_kind kind;
    struct kmem kmem; /* confined spaces */
    uint32_t dma_space;
    struct space space;
    struct region_map map;
    struct dma_function *functions;
};

_Static_assert(sizeof(struct dma_session) <= SLAB_NOTE_MAX, "a note");

/* dma_function.c: a function is in one session at most. ERR_BUSY. */
[[nodiscard]] enum status dma_function_add(struct dma_session *dma, const struct dma_device *in);
/* The link to it; NULL: the session does not have it. */
struct dma_function **dma_function_find(struct dma_session *dma, const struct dma_device *in);
void dma_function_remove(struct dma_function **link);
/* Stops its DMA at the device itself, by the bus-master bit. */
void dma_function_stop(const struct dma_function *function);

struct dma_iommu {
    uint64_t registers; /* physical */
    uint32_t slot;
    uint32_t fault_interrupt; /* CAP_NONE: nobody wants to know */
    uint16_t segment;
    bool large_pages;
};

/* dma_unit.c: do the registers of an IOMMU lie there? */
bool dma_unit_in(uint64_t start, uint64_t end);
/* NULL: no such IOMMU; none at all. */
struct dma_iommu *dma_unit_find(uint64_t registers);
struct dma_iommu *dma_unit_first(void);
/* Handlers of operations on IOMMUs, which belong to no session. */
[[nodiscard]] enum status dma_unit_add(void *session, const struct dma_unit *in);
[[nodiscard]] enum status dma_unit_interrupts(void *session, const struct dma_interrupts *in);
[[nodiscard]] enum status dma_fault_read(void *session, struct dma_fault *out);
[[nodiscard]] enum status dma_fault_notify(void *session, uint32_t notification);

/* io_mem.c: neither RAM nor an interrupt controller; in a session. */
bool io_mem_is_device(uint64_t start, uint64_t end);
bool io_mem_is_taken(uint64_t start, uint64_t end);

#endif
