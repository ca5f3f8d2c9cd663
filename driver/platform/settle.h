/* SPDX-License-Identifier: MIT */
/* The end of what a device without a PCI reset was doing, see settle.c. */
#ifndef DRIVER_PLATFORM_SETTLE_H
#define DRIVER_PLATFORM_SETTLE_H

#include "driver/platform/function.h"

/*
 * Resets the function by its own registers, if it is of a kind that is known; its windows must be closed, and its DMA space still be
 * there. Waits, a second at most. False: it is of no such kind, or did not come to rest.
 */
bool function_settle(struct function *function);

#endif
