/* SPDX-License-Identifier: MIT */
/*
 * A pair of 8259A interrupt controllers, cascaded as in a PC: the slave's INT drives the master's IR2.
 *
 * Source: Intel 8259A datasheet (231468-003), "Initialization Command Words", "Operation Command Words"; the
 * edge/level registers ELCR1 and ELCR2 (ports 0x4D0, 0x4D1) as in the Intel ICH9 datasheet, 13.4.
 *
 * Protocol: `pic_set_line` for the sixteen inputs; the INTR output follows through the irq_line given to
 * `pic_init`; `pic_acknowledge` is the CPU's INTA cycle and returns the vector. An acknowledge without a
 * request returns the vector of input 7 and leaves ISR alone ("spurious", datasheet "Interrupt Sequence").
 *
 * Invariants: irr of an edge input is set only by a rise and never while the line is low; irr of a level
 * input equals its line; INTR equals "the master sees a request of higher priority than everything in
 * service".
 *
 * Not modelled: MCS-80/85 mode (ICW4.uPM = 0 is taken as 8086 mode), buffered mode, chips without cascade, and what a PC's
 * systems do without: rotation of priorities (an EOI that rotates is an EOI), special mask and special fully nested mode,
 * polling.
 */
#ifndef VMM_DEVICE_PIC_PIC_H
#define VMM_DEVICE_PIC_PIC_H

#include "vmm/device/device.h"

/* One chip. Bits of the masks are inputs IR0 to IR7. */
struct pic_chip {
    struct pic *pair;
    uint8_t irr, isr, imr;
    uint8_t lines;    /* levels at the inputs */
    uint8_t elcr;     /* 1 = level-triggered */
    uint8_t icw2;     /* vector of IR0 */
    uint8_t icw4;     /* AEOI */
    uint8_t expected; /* which ICW the next write to the odd port is: 2, 3, 4, or 0 for OCW1 */
    bool icw4_needed;
    bool read_isr; /* OCW3.RIS */
};

struct pic {
    struct pic_chip master, slave;
    struct irq_line intr;
    bool intr_level;
};

void pic_init(struct pic *pic, struct irq_line intr);
void pic_set_line(struct pic *pic, unsigned irq, bool level);
uint8_t pic_acknowledge(struct pic *pic);

/* What firmware does before the operating system runs: which IRQs are level-triggered (bit n = IRQ n). */
void pic_set_level_triggered(struct pic *pic, uint16_t irqs);

/* Ports 0x20-0x21 and 0xA0-0xA1 (device is &pic->master, &pic->slave), and 0x4D0-0x4D1 (device is the pair).
 */
uint64_t pic_chip_read(struct pic_chip *chip, uint64_t offset, unsigned width);
void pic_chip_write(struct pic_chip *chip, uint64_t offset, unsigned width, uint64_t value);
uint64_t pic_elcr_read(struct pic *pic, uint64_t offset, unsigned width);
void pic_elcr_write(struct pic *pic, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops pic_chip_ops, pic_elcr_ops;

#endif
