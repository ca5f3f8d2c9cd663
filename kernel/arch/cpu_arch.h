/* SPDX-License-Identifier: MIT */
/* Chooses the per-CPU part of the architecture; the host tests run the generic kernel as a program. */
#ifndef KERNEL_ARCH_CPU_ARCH_H
#define KERNEL_ARCH_CPU_ARCH_H

#ifdef KERNEL
#include "kernel/arch/x86_64/cpu_arch.h"
#else
#include "kernel/arch/host/cpu_arch.h"
#endif

#endif
