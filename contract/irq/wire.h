/* SPDX-License-Identifier: MIT */
/*
 * IRQ: one interrupt line, chosen by the session's arguments (gsi=4, trigger=level|edge, polarity=low|high; edge and high
 * unless said). BIND ties it to a notification and returns the kernel's interrupt capability: the driver unmasks the line
 * by acknowledging (interrupt_ack of lib/base/interrupt.h), for the first time right after BIND.
 */
#ifndef CONTRACT_IRQ_WIRE_H
#define CONTRACT_IRQ_WIRE_H

#include <stdint.h>

#define IRQ_SERVICE "IRQ"

enum irq_opcode {
    IRQ_BIND = 1, /* capability 0: notification (SIGNAL) -> struct irq_line, capability 0: interrupt (ACK) */
    IRQ_OPCODE_COUNT = 2,
};

struct irq_line {
    uint32_t gsi;
    uint32_t level; /* 1: level-triggered */
};

_Static_assert(sizeof(struct irq_line) == 8, "wire");

#endif
