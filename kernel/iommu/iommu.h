/* SPDX-License-Identifier: MIT */
/*
 * IOMMUs and DMA spaces.
 *
 * An IOMMU stands between a set of devices and memory; today's are Intel's VT-d units (vtd.h). From its creation on, a device
 * behind it reaches what its DMA space maps, and nothing while it has none. A DMA space is a page table in the format of
 * the unit it was created for; devices of all units with this format can be attached. The kernel reads no firmware table:
 * the root task says where units are, and which device belongs to which.
 *
 *   D1  A frame leaves a DMA space, or a table of one its account, only after every unit has confirmed that it has no
 *       translation of that space left and that earlier requests are through.
 *   D2  A space whose domain is 0 is attached nowhere, and can never be again.
 *   D3  Everything here is changed with the kernel lock held. Units walk tables at any time: entries change by single stores.
 *
 * Tables by bus (root, context) and for interrupts are paid for by the unit's account, a space's by its own.
 */
#ifndef KERNEL_IOMMU_IOMMU_H
#define KERNEL_IOMMU_IOMMU_H

#include "kernel/arch/arch.h"
#include "kernel/iommu/vtd_format.h"
#include "kernel/mem/page_table.h"
#include "kernel/object/object.h"

/* How a unit is doing; the driver's (vtd.c). */
struct vtd {
    volatile void *registers;
    struct vtd_ability ability;
    struct vtd_entry *root;  /* of 256 buses */
    struct vtd_entry *queue; /* of invalidation descriptors */
    struct vtd_entry *remap_opt;
    uint32_t queue_tail;
    uint32_t wait_number; /* of the last wait */
    uint32_t wait_done;   /* written by the unit */
    bool remaps;
};

struct iommu {
    struct object object;
    struct iommu *next;
    uint64_t physical; /* of its registers */
    struct vtd vtd;
    struct page_table_format format; /* of the spaces behind it */
    bool has_fault_line;             /* some interrupt object tells of its faults */
};

struct dma_space {
    struct object object;
    struct page_table table;
    struct page_table_format format;
    uint16_t domain;  /* how units name it in what they remember; 0: the space is being destroyed */
    bool table_freed; /* by the update that runs: a unit may still be in it */
};

/* ERR_INVALID: no page's start; ERR_RANGE: not a device's; ERR_EXISTS: it is an IOMMU already, or there are too many;
   ERR_UNSUPPORTED; ERR_NO_KMEM. */
[[nodiscard]] enum status iommu_create(struct pd *account, uint64_t registers, struct iommu **out);
/* Everything behind it reaches all memory again. */
void iommu_destroy(struct iommu *iommu);
/* enum iommu_feature */
unsigned iommu_features(const struct iommu *iommu);

/* ERR_BUSY: it is in another space, or the space is being destroyed; ERR_UNSUPPORTED: the space has another format;
   ERR_NO_KMEM. */
[[nodiscard]] enum status iommu_attach(struct iommu *iommu, uint16_t device, struct dma_space *space);
/* A device that is in no space is no error. */
void iommu_detach(struct iommu *iommu, uint16_t device);

/* ERR_NOT_FOUND: nothing is recorded. *info: enum iommu_fault. */
[[nodiscard]] enum status iommu_fault(struct iommu *iommu, uint64_t *address, uint64_t *info);
/* ERR_UNSUPPORTED; ERR_NOT_FOUND: no such I/O APIC. `argument`: enum iommu_remap. */
[[nodiscard]] enum status iommu_remap(struct iommu *iommu, uint32_t argument);

/* The line goes through the unit's table, for what `source` sends; or not any more. Only while it remaps. */
void iommu_line_set(struct iommu *iommu, unsigned line, uint16_t source, bool level);
void iommu_line_clear(struct iommu *iommu, unsigned line);
/* What a device behind it must write to raise the line. */
struct message iommu_message(const struct iommu *iommu, unsigned line);

/* ERR_EXISTS: all domains are in use; ERR_NO_KMEM. */
[[nodiscard]] enum status dma_space_create(struct pd *account, const struct iommu *iommu,
                                           struct dma_space **out);
/* As host_space_update(). What was unmapped or replaced is out of reach when this returns. */
[[nodiscard]] enum status dma_space_update(struct dma_space *space, const struct space_entry *entry,
                                           uint32_t *done);
/* Detaches its devices, then frees tables, a bounded part at a time; true when nothing is left. */
bool dma_space_release(struct dma_space *space);
/* All units forget what they know of the space. */
void dma_space_flush(const struct dma_space *space);

#endif
