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
    OCW2_EOI = 1 << 5,
    OCW2_SL = 1 << 6,
    OCW3_SELECT = 1 << 3,
    OCW3_RIS = 1 << 0,
    OCW3_RR = 1 << 1,
};

#define CASCADE_INPUT    2
#define MASTER_ELCR_MASK 0xf8 /* IRQ 0 to 2 are edge-triggered for good (ICH9, 13.4.10) */
#define SLAVE_ELCR_MASK  0xde /* so are IRQ 8 and 13 */

/* The lowest bit: input 0 has the highest priority. */
static uint8_t highest_of(uint8_t mask)
{
    return mask & (uint8_t)-mask;
}

/* The input, as a bit, that the chip would acknowledge now, or 0: "Fully Nested Mode". */
static uint8_t chip_request(const struct pic_chip *chip)
{
    uint8_t request = highest_of(chip->irr & (uint8_t)~chip->imr), service = highest_of(chip->isr);

    return service && service <= request ? 0 : request;
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
    if (slave_acknowledged)
        chip_set_input(&pic->master, CASCADE_INPUT, false);
    chip_set_input(&pic->master, CASCADE_INPUT, chip_request(&pic->slave));
    bool level = chip_request(&pic->master);
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

/* INTA on one chip: request to in-service. Returns the input, 7 when the request is gone ("Interrupt
 * Sequence"). */
static unsigned chip_acknowledge(struct pic_chip *chip)
{
    uint8_t bit = chip_request(chip);

    if (!bit)
        return 7;
    if (!(chip->elcr & bit))
        chip->irr &= (uint8_t)~bit;
    if (!(chip->icw4 & ICW4_AEOI))
        chip->isr |= bit;
    return (unsigned)__builtin_ctz(bit);
}

uint8_t pic_acknowledge(struct pic *pic)
{
    bool cascade = chip_request(&pic->master) == 1 << CASCADE_INPUT;
    uint8_t vector = (uint8_t)(pic->master.icw2 + chip_acknowledge(&pic->master));

    /* A spurious master acknowledge is IR7 and never reaches the slave. */
    if (cascade)
        vector = (uint8_t)(pic->slave.icw2 + chip_acknowledge(&pic->slave));
    pair_update(pic, cascade);
    return vector;
}

/* "Initialization Command Word 1": clears IMR and edge sense. */
static void write_icw1(struct pic_chip *chip, uint8_t value)
{
    chip->imr = 0;
    chip->isr = 0;
    chip->irr = chip->lines & chip->elcr;
    chip->read_isr = false;
    chip->icw4_needed = value & ICW1_IC4;
    if (!chip->icw4_needed)
        chip->icw4 = 0;
    chip->expected = 2;
}

/* "Operation Command Word 2": end of the interrupt that is named, or of the highest in service. */
static void write_ocw2(struct pic_chip *chip, uint8_t value)
{
    if (value & OCW2_EOI)
        chip->isr &= (uint8_t) ~(value & OCW2_SL ? 1u << (value & 7) : highest_of(chip->isr));
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

void pic_chip_write(struct pic_chip *chip, uint64_t offset, unsigned, uint64_t value)
{
    uint8_t byte = (uint8_t)value;

    if (offset & 1)
        write_odd(chip, byte);
    else if (byte & ICW1_SELECT)
        write_icw1(chip, byte);
    else if (!(byte & OCW3_SELECT))
        write_ocw2(chip, byte);
    else if (byte & OCW3_RR)
        chip->read_isr = byte & OCW3_RIS;
    pair_update(chip->pair, false);
}

uint64_t pic_chip_read(struct pic_chip *chip, uint64_t offset, unsigned)
{
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

uint64_t pic_elcr_read(struct pic *pic, uint64_t offset, unsigned)
{
    return offset & 1 ? pic->slave.elcr : pic->master.elcr;
}

void pic_elcr_write(struct pic *pic, uint64_t offset, unsigned, uint64_t value)
{
    uint16_t irqs = (uint16_t)(pic->slave.elcr << 8 | pic->master.elcr);

    pic_set_level_triggered(
        pic, (uint16_t)(offset & 1 ? (irqs & 0xff) | value << 8 : (irqs & 0xff00) | (value & 0xff)));
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
