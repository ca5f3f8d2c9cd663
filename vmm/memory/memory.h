/* SPDX-License-Identifier: MIT */
/*
 * Guest memory: one dataspace, attached to the monitor and to the guest's physical address space.
 *
 * The part below the device hole starts at guest-physical 0, the rest at 4 GiB (vmm/image/guest_ram.h). The monitor's view
 * and the guest's are the same frames: what the guest writes there is untrusted and read once.
 */
#ifndef VMM_MEMORY_MEMORY_H
#define VMM_MEMORY_MEMORY_H

#include "lib/base/status.h"
#include "vmm/image/guest_ram.h"

/* Allocates `size` bytes (a multiple of 2 MiB) on the monitor's quota and maps them into the VM session. */
/* The dataspace has the low window first, and the high one behind it. */
[[nodiscard]] enum status guest_memory_create(uint32_t vm_session, uint64_t size, struct guest_ram *out,
                                              uint32_t *dataspace);

#endif
