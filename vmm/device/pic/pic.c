/* SPDX-License-Identifier: MIT */
/*
 * 8259A pair; see pic.h. Section names below are those of the Intel datasheet.
 */
#include "vmm/device/pic/pic.h"

#include "lib/string/string.h"

enum {
    ICW1_IC4 = 1 << 0,
    ICW1_SELECT = 1 << 4,
    ICW4_AEOI = 1 << 1,
    ICW4_SFNM = 1 << 4,
    OCW2_EOI = 1 << 5,
    OCW2_SL = 1 << 6,
    OCW2_R = 1 << 7,
    OCW3_SELECT = 1 << 3,
    OCW3_RIS = 1 << 0,
    OCW3_RR = 1 << 1,
    OCW3_P = 1 << 2,
    OCW3_SMM = 1 << 5,
    OCW3_ESMM = 1 << 6,
};

#define CASCADE_INPUT    2
#define MASTER_ELCR_MASK 0xf8 /* IRQ 0 to 2 are edge-triggered for good (ICH9, 13.4.10) */
#define SLAVE_ELCR_MASK  0xde /* so are IRQ 8 and 13 */

/* Input of highest priority in `mask`, or -1. */
static int highest_of(const struct pic_chip *chip, uint8_t mask)
{
    for (unsigned i = 0; mask && i < 8; i++) {
        unsigned input = (chip->highest + i) & 7;

        if (mask & (1u << input))
            return (int)input;
    }
    return -1;
}

/* Position in the order of priority, 0 first. */
static unsigned rank_of(const struct pic_chip *chip, int input)
{
    return ((unsigned)input - chip->highest) & 7;
}

/* The input that the chip would acknowledge now, or -1. "Fully Nested Mode", "Special Mask Mode". */
static int chip_request(const struct pic_chip *chip)
{
    uint8_t requests = chip->irr & (uint8_t)~chip->imr;
    uint8_t blocking = chip->isr;
    int request, service;

    if (chip->special_mask) /* a level in service blocks itself and nothing else */
        return highest_of(chip, requests & (uint8_t)~chip->isr);
    /* "Special Fully Nested Mode": the slave in service does not lock out its own higher requests. */
    if ((chip->icw4 & ICW4_SFNM) && chip == &chip->pair->master)
        blocking &= (uint8_t) ~(1u << CASCADE_INPUT);
    request = highest_of(chip, requests);
    service = highest_of(chip, blocking);
    if (request < 0 || (service >= 0 && rank_of(chip, service) <= rank_of(chip, request)))
        return -1;
    return request;
}

static void chip_set_input(struct pic_chip *chip, unsigned input, bool level)
{
    uint8_t bit = (uint8_t)(1u << input);
    bool rise = level && !(chip->lines & bit);

    if (level)
        chip->lines |= bit;
    else
        chip->lines &= (uint8_t)~bit;
    if (!level)
        chip->irr &= (uint8_t)~bit;
    else if (rise || (chip->elcr & bit))
        chip->irr |= bit;
}

/*
 * Lets outputs follow inputs: slave INT to master IR2, master INT to the line. The slave's INT drops in an
 * INTA cycle, so that a further request of the slave is a new edge for the master.
 */
static void pair_update(struct pic *pic, bool slave_acknowledged)
{
    bool level;

    if (slave_acknowledged)
        chip_set_input(&pic->master, CASCADE_INPUT, false);
    chip_set_input(&pic->master, CASCADE_INPUT, chip_request(&pic->slave) >= 0);
    level = chip_request(&pic->master) >= 0;
    if (level == pic->intr_level)
        return;
    pic->intr_level = level;
    irq_line_set(&pic->intr, level);
}

void pic_set_line(struct pic *pic, unsigned irq, bool level)
{
    struct pic_chip *chip = irq < 8 ? &pic->master : &pic->slave;
    uint8_t bit = (uint8_t)(1u << (irq & 7));

    if (irq > 15 || irq == CASCADE_INPUT || ((chip->lines & bit) != 0) == level)
        return;
    chip_set_input(chip, irq & 7, level);
    if (!(chip->imr & bit)) /* a masked input changes no output: all of them, once the I/O APIC is in use */
        pair_update(pic, false);
}

bool pic_pending(const struct pic *pic)
{
    return pic->intr_level;
}

static void chip_end(struct pic_chip *chip, int input, bool rotate)
{
    if (input < 0)
        return;
    chip->isr &= (uint8_t) ~(1u << input);
    if (rotate)
        chip->highest = (uint8_t)((input + 1) & 7);
}

/* INTA on one chip: request to in-service. Returns the input, 7 when the request is gone ("Interrupt
 * Sequence"). */
static unsigned chip_acknowledge(struct pic_chip *chip)
{
    int input = chip_request(chip);
    uint8_t bit;

    if (input < 0)
        return 7;
    bit = (uint8_t)(1u << input);
    if (!(chip->elcr & bit))
        chip->irr &= (uint8_t)~bit;
    chip->isr |= bit;
    if (chip->icw4 & ICW4_AEOI)
        chip_end(chip, input, chip->rotate_on_aeoi);
    return (unsigned)input;
}

uint8_t pic_acknowledge(struct pic *pic)
{
    int request = chip_request(&pic->master);
    unsigned input = chip_acknowledge(&pic->master);
    uint8_t vector = (uint8_t)(pic->master.icw2 + input);

    /* A spurious master acknowledge is IR7 and never reaches the slave. */
    if (request == CASCADE_INPUT)
        vector = (uint8_t)(pic->slave.icw2 + chip_acknowledge(&pic->slave));
    pair_update(pic, request == CASCADE_INPUT);
    return vector;
}

/* "Initialization Command Word 1": clears IMR, edge sense, priorities and special modes. */
static void write_icw1(struct pic_chip *chip, uint8_t value)
{
    chip->imr = 0;
    chip->isr = 0;
    chip->irr = chip->lines & chip->elcr;
    chip->highest = 0;
    chip->special_mask = false;
    chip->rotate_on_aeoi = false;
    chip->read_isr = false;
    chip->poll = false;
    chip->icw4_needed = value & ICW1_IC4;
    if (!chip->icw4_needed)
        chip->icw4 = 0;
    chip->expected = 2;
}

/* "Operation Command Word 2": end of interrupt and rotation. */
static void write_ocw2(struct pic_chip *chip, uint8_t value)
{
    int level = value & 7;
    uint8_t in_service = chip->isr;

    switch (value & (OCW2_R | OCW2_SL | OCW2_EOI)) {
    case OCW2_EOI:
    case OCW2_R | OCW2_EOI:
        if (chip->special_mask) /* a non-specific EOI does not clear what IMR masks ("Special Mask Mode") */
            in_service &= (uint8_t)~chip->imr;
        chip_end(chip, highest_of(chip, in_service), value & OCW2_R);
        break;
    case OCW2_SL | OCW2_EOI:
    case OCW2_R | OCW2_SL | OCW2_EOI: chip_end(chip, level, value & OCW2_R); break;
    case OCW2_R | OCW2_SL: chip->highest = (uint8_t)((level + 1) & 7); break;
    case OCW2_R: chip->rotate_on_aeoi = true; break;
    case 0: chip->rotate_on_aeoi = false; break;
    default: break; /* OCW2_SL alone: no operation */
    }
}

static void write_ocw3(struct pic_chip *chip, uint8_t value)
{
    if (value & OCW3_P)
        chip->poll = true;
    if (value & OCW3_RR)
        chip->read_isr = value & OCW3_RIS;
    if (value & OCW3_ESMM)
        chip->special_mask = value & OCW3_SMM;
}

/* The odd port: ICW2, ICW3, ICW4 in sequence after ICW1, otherwise OCW1 (IMR). */
static void write_odd(struct pic_chip *chip, uint8_t value)
{
    switch (chip->expected) {
    case 2:
        chip->icw2 = value & 0xf8;
        chip->expected = 3;
        break;
    case 3: /* the cascade is wired: ICW3 is accepted and has no effect */
        chip->expected = chip->icw4_needed ? 4 : 0;
        break;
    case 4:
        chip->icw4 = value;
        chip->expected = 0;
        break;
    default: chip->imr = value; break;
    }
}

void pic_chip_write(struct pic_chip *chip, uint64_t offset, unsigned width, uint64_t value)
{
    uint8_t byte = (uint8_t)value;

    (void)width;
    if (offset & 1)
        write_odd(chip, byte);
    else if (byte & ICW1_SELECT)
        write_icw1(chip, byte);
    else if (byte & OCW3_SELECT)
        write_ocw3(chip, byte);
    else
        write_ocw2(chip, byte);
    pair_update(chip->pair, false);
}

/* "Poll Command": bit 7 says whether there was a request, the low bits which; reading acknowledges it. */
static uint8_t chip_poll(struct pic_chip *chip)
{
    int request = chip_request(chip);

    chip->poll = false;
    if (request < 0)
        return 7;
    chip_acknowledge(chip);
    pair_update(chip->pair, chip == &chip->pair->slave);
    return (uint8_t)(0x80 | request);
}

uint64_t pic_chip_read(struct pic_chip *chip, uint64_t offset, unsigned width)
{
    (void)width;
    if (chip->poll)
        return chip_poll(chip);
    if (offset & 1)
        return chip->imr;
    return chip->read_isr ? chip->isr : chip->irr;
}

static void chip_set_elcr(struct pic_chip *chip, uint8_t value)
{
    uint8_t now_level = value & (uint8_t)~chip->elcr;

    chip->elcr = value;
    chip->irr = (uint8_t)((chip->irr & ~now_level) | (chip->lines & now_level));
}

void pic_set_level_triggered(struct pic *pic, uint16_t irqs)
{
    chip_set_elcr(&pic->master, (uint8_t)irqs & MASTER_ELCR_MASK);
    chip_set_elcr(&pic->slave, (uint8_t)(irqs >> 8) & SLAVE_ELCR_MASK);
    pair_update(pic, false);
}

uint64_t pic_elcr_read(struct pic *pic, uint64_t offset, unsigned width)
{
    (void)width;
    return offset & 1 ? pic->slave.elcr : pic->master.elcr;
}

void pic_elcr_write(struct pic *pic, uint64_t offset, unsigned width, uint64_t value)
{
    (void)width;
    if (offset & 1)
        chip_set_elcr(&pic->slave, (uint8_t)value & SLAVE_ELCR_MASK);
    else
        chip_set_elcr(&pic->master, (uint8_t)value & MASTER_ELCR_MASK);
    pair_update(pic, false);
}

void pic_init(struct pic *pic, struct irq_line intr)
{
    memset(pic, 0, sizeof(*pic));
    pic->master.pair = pic;
    pic->slave.pair = pic;
    pic->intr = intr;
    /* The chips power up uninitialised; masked inputs keep a guest that never touches them quiet. */
    pic->master.imr = 0xff;
    pic->slave.imr = 0xff;
    pic->master.icw2 = 0x08;
    pic->slave.icw2 = 0x70;
}

DEVICE_OPS(pic_chip, struct pic_chip);
DEVICE_OPS(pic_elcr, struct pic);
