/* SPDX-License-Identifier: MIT */
/*
 * The driver for one 16550: device, interrupt, service; started in this order, one for the whole component.
 */
#ifndef DRIVER_TERMINAL_UART_DRIVER_H
#define DRIVER_TERMINAL_UART_DRIVER_H

#include "driver/terminal/uart/uart.h"
#include "lib/base/entrypoint.h"
#include "lib/base/status.h"

#include <stdint.h>

/* The ports have been enabled. ERR_NOT_FOUND: there is no UART. */
[[nodiscard]] enum status driver_device_start(uint16_t port, uint16_t divisor);

/* `session`: of the IRQ contract. */
[[nodiscard]] enum status driver_interrupt_start(struct entrypoint *entrypoint, uint32_t session);

/* Announces TERMINAL and begins to work. */
[[nodiscard]] enum status driver_service_start(struct entrypoint *entrypoint);

#endif
