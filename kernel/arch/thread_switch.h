/* SPDX-License-Identifier: MIT */
/* Chooses how a call and its reply go from one thread to another; the host tests run the generic kernel as a program. */
#ifndef KERNEL_ARCH_THREAD_SWITCH_H
#define KERNEL_ARCH_THREAD_SWITCH_H

#ifdef KERNEL
#include "kernel/arch/x86_64/thread_switch.h"
#else
#include "kernel/arch/host/thread_switch.h"
#endif

#endif
