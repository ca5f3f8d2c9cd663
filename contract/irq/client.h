/* SPDX-License-Identifier: MIT */
/*
 * IRQ, the client's half: an interrupt line as a notification.
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE.
 */
#ifndef CONTRACT_IRQ_CLIENT_H
#define CONTRACT_IRQ_CLIENT_H

#include "contract/irq/wire.h"
#include "lib/base/status.h"

#include <stddef.h>
#include <stdint.h>

/* *interrupt is *given*: interrupt_ack (lib/base/interrupt.h) unmasks the line, the first time right after binding. */
[[nodiscard]] enum status irq_bind(uint32_t session, uint32_t notification, struct irq_line *out,
                                   uint32_t *interrupt);

/* What the device must be told. After irq_bind(), and again after each further one. */
[[nodiscard]] enum status irq_msi(uint32_t session, struct irq_msi *out);

#endif
