/* SPDX-License-Identifier: MIT */
/*
 * Driving one VT-d unit in legacy mode, with queued invalidation. Every function returns when the unit has done it; a unit that
 * does not answer is the machine's end, since nobody knows what devices reach then.
 *
 * Registers are reached by arch_iommu_read() and arch_iommu_write(), so that the tests can stand in for a unit.
 */
#ifndef KERNEL_IOMMU_VTD_H
#define KERNEL_IOMMU_VTD_H

#include "kernel/iommu/iommu.h"

#define VTD_BUSES     256u
#define VTD_FUNCTIONS 256u /* of a bus */
#define VTD_DOMAINS   256u /* ids that every unit must tell apart */

/* Reads what the unit can do. False: the kernel cannot drive it. */
bool vtd_probe(struct vtd *vtd);

/* `root`, `queue` and `remap_opt` are there, zeroed: translation begins, and blocks everything. */
void vtd_start(struct vtd *vtd);
void vtd_stop(struct vtd *vtd);

/* The context entry of a device; NULL: its bus has no table. */
struct vtd_entry *vtd_context(const struct vtd *vtd, uint16_t device);
/* Gives a bus a table, zeroed. */
void vtd_context_table_set(struct vtd *vtd, uint16_t device, struct vtd_entry *table);

/* Changes an entry that the unit may read at any time. */
void vtd_entry_set(const struct vtd *vtd, struct vtd_entry *entry, struct vtd_entry value);
void vtd_entry_clear(const struct vtd *vtd, struct vtd_entry *entry);

/* Context entries and translations of all domains; translations of one. */
void vtd_forget_all(struct vtd *vtd);
void vtd_forget_domain(struct vtd *vtd, uint16_t domain);

/* Takes the oldest fault record; false: there is none. */
bool vtd_fault_take(struct vtd *vtd, struct vtd_entry *out, bool *lost);
/* Where fault events go, as a message; they begin masked. */
void vtd_fault_event(struct vtd *vtd, uint64_t address, uint32_t data);
void vtd_fault_mask(struct vtd *vtd, bool masked);

/* Interrupts are remapped from now on; messages in the old format are blocked. */
void vtd_remap_start(struct vtd *vtd, bool extended);
void vtd_remap_set(struct vtd *vtd, unsigned index, struct vtd_entry entry);

#endif
