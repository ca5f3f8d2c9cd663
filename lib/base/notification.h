/* SPDX-License-Identifier: MIT */
/*
 * Notification objects for threads that wait by themselves; an entry point has its own way (struct signal).
 */
#ifndef LIB_BASE_NOTIFICATION_H
#define LIB_BASE_NOTIFICATION_H

#include "lib/base/status.h"

#include <stdint.h>

/* *slot has all rights, so badged copies can be made of it (cap_copy). */
[[nodiscard]] enum status notification_create(uint32_t *slot);
void notification_destroy(uint32_t slot);

/* The signal of a notification that died is lost, which its owner wanted: no error to handle. */
void notification_signal(uint32_t slot);

/* Clears and returns the bits. ERR_TIMEOUT at the deadline (TSC; UINT64_MAX: never). */
[[nodiscard]] enum status notification_wait(uint32_t slot, uint64_t deadline, uint64_t *bits);

#endif
