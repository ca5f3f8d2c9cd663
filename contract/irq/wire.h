/* SPDX-License-Identifier: MIT */
/*
 * IRQ: one interrupt line, chosen by the session's arguments (gsi=4, trigger=level|edge, polarity=low|high; edge and high
 * unless said). BIND ties it to a notification and returns the kernel's interrupt capability: the driver unmasks the line
 * by acknowledging (interrupt_ack of lib/base/interrupt.h), for the first time right after BIND.
 *
 * Or one message-signalled interrupt (type=msi): the kernel chooses a line, and MSI tells what the device must write, and
 * where. Such a line is never masked, and acknowledging does nothing. The device's requester id (device=0x0018: bus << 8 |
 * device << 3 | function) and its IOMMU (unit=0x..., as in contract/dma) must be said where an IOMMU remaps interrupts; then
 * the message is worth something only when this device sends it.
 */
#ifndef CONTRACT_IRQ_WIRE_H
#define CONTRACT_IRQ_WIRE_H

#include <stdint.h>

#define IRQ_SERVICE "IRQ"

enum irq_opcode {
    IRQ_BIND = 1, /* capability 0: notification (SIGNAL) -> struct irq_line, capability 0: interrupt (ACK) */
    IRQ_MSI =
        2, /* - -> struct irq_msi. ERR_NOT_FOUND: not bound; ERR_UNSUPPORTED: the session is not of type msi */
    IRQ_OPCODE_COUNT = 3,
};

struct irq_line {
    uint32_t gsi;   /* 0 for messages */
    uint32_t level; /* 1: level-triggered */
};

/* For the device's registers: PCI 3.0, 6.8.1; each BIND may change it. */
struct irq_msi {
    uint64_t address;
    uint32_t data;
    uint32_t reserved; /* 0 */
};

_Static_assert(sizeof(struct irq_line) == 8, "wire");
_Static_assert(sizeof(struct irq_msi) == 16, "wire");

#endif
