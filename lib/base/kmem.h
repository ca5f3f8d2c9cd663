/* SPDX-License-Identifier: MIT */
/*
 * Kernel objects that a component creates itself: portals and notifications. When the domain's kernel memory is used up,
 * some of the RAM quota is turned into more, here and nowhere else. Private to lib/base.
 */
#ifndef LIB_BASE_KMEM_H
#define LIB_BASE_KMEM_H

#include "lib/base/status.h"

#include <stdint.h>

/* `slot` is allocated and empty. ERR_NO_RAM: the quota has nothing left to turn into kernel memory. */
[[nodiscard]] enum status kmem_create_notification(uint32_t slot);
[[nodiscard]] enum status kmem_create_portal(uint32_t slot, uint32_t thread, uint64_t id);

#endif
