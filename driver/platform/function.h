/* SPDX-License-Identifier: MIT */
/*
 * The functions of this machine, as found at the start. The list does not change afterwards (no hot plug).
 *
 * Invariants:
 * F1  A function that has no session has its bus mastering off, and pulls no interrupt line: others may share it.
 * F2  A function's registers are as the firmware left them (`saved`), except while a session has it or it is being reset.
 */
#ifndef DRIVER_PLATFORM_FUNCTION_H
#define DRIVER_PLATFORM_FUNCTION_H

#include "driver/platform/policy.h"
#include "lib/pci/pci.h"

#define FUNCTIONS_MAX     256u
#define FUNCTION_NAME_MAX 16u

/* A function whose DMA is refused so often in one session is stopped, for the rest of the session. */
#define FUNCTION_FAULTS_MOST 1024u

struct platform_session;

struct function {
    const struct pci_node *node;
    char name[FUNCTION_NAME_MAX]; /* 00:1f.2, with a segment before it unless that is 0 */
    struct pci_bar bar[PCI_BARS];
    struct pci_msi msi;
    struct pci_msix msix;
    struct pci_saved saved;
    uint16_t requester; /* as an IOMMU sees it */
    uint64_t unit;      /* registers of its IOMMU; 0: none */
    bool unit_remaps;   /* that one also remaps interrupts */
    bool resetting;     /* not to be touched before `reset_end`, a time in ticks */
    uint64_t reset_end;
    struct platform_session *session_opt;
    unsigned faults; /* of its DMA in this session */
};

/* Finds all functions behind `access`, says each in the log, and stops their DMA. */
void functions_find(const struct pci_access *access);

/* In the order in which they were found; NULL: no more. */
struct function *function_at(unsigned index);
struct function *function_of_requester(uint16_t segment, uint16_t requester);

/* All nodes, for the scopes of IOMMUs. */
const struct pci_node *functions_nodes(unsigned *count);

/* Bridges are nobody's. */
bool function_is_device(const struct function *function);

/* The function number `index` of those that the policy allows. ERR_NOT_FOUND. */
[[nodiscard]] enum status function_choose(const struct policy *policy, uint64_t index, struct function **out);

/* Vectors that a session can have. */
unsigned function_interrupts(const struct function *function);

/* Bus mastering off. */
void function_halt(struct function *function);

/* Bus mastering off, line and messages off, reset if there is one. */
void function_stop(struct function *function);

/* Begins a reset. ERR_UNSUPPORTED: there is none. */
[[nodiscard]] enum status function_reset(struct function *function);

/* False while a reset goes on. At its end the registers are put back. */
bool function_ready(struct function *function);

#endif
