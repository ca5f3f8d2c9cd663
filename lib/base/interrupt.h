/* SPDX-License-Identifier: MIT */
/*
 * Interrupt capabilities of the IRQ contract.
 */
#ifndef LIB_BASE_INTERRUPT_H
#define LIB_BASE_INTERRUPT_H

#include "lib/base/status.h"

#include <stdint.h>

/* Unmasks the line, after the device has been quietened. */
[[nodiscard]] enum status interrupt_ack(uint32_t interrupt);

#endif
