/* SPDX-License-Identifier: MIT */
/* What the processor must do for address spaces; implemented by arch, called by kernel/mem/space.c. */
#ifndef KERNEL_ARCH_SPACE_FLUSH_H
#define KERNEL_ARCH_SPACE_FLUSH_H

#include <stdint.h>

struct host_space;

/* Drops translations of [start, end) that processors may hold for the space. */
void arch_host_space_flush(struct host_space *space, uint64_t start, uint64_t end);

/* Puts the kernel's half into a fresh root table. */
void arch_kernel_share(uint64_t *root);

#endif
