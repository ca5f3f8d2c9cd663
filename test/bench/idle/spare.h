/* SPDX-License-Identifier: MIT */
/*
 * Spare time: a thread of the lowest priority that does nothing but note for how long it did not run.
 *
 * With QEMU's -icount a round of its loop always takes the same number of ticks. What a round takes beyond that was
 * somebody else's: applications, servers, guests, and the kernel on behalf of all of them.
 */
#ifndef TEST_BENCH_IDLE_SPARE_H
#define TEST_BENCH_IDLE_SPARE_H

#include "lib/base/status.h"

#include <stdint.h>

[[nodiscard]] enum status spare_start(void);

/* Ticks that others have had since the start. */
uint64_t spare_others(void);

#endif
