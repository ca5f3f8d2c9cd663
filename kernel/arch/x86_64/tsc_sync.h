/* SPDX-License-Identifier: MIT */
/* Comparing the time-stamp counter of a further CPU with the boot processor's (doc/decision/0008-time.md). */
#ifndef KERNEL_ARCH_X86_64_TSC_SYNC_H
#define KERNEL_ARCH_X86_64_TSC_SYNC_H

#include <stdbool.h>
#include <stdint.h>

/* The boot processor: true if the other's counter agrees, perhaps after a correction. False: it was refused, with a line in
   the log. */
bool tsc_sync_lead(uint32_t apic_id);

/* The other CPU. Returns when it was accepted; halts for ever when it was refused. */
void tsc_sync_follow(void);

#endif
