/* SPDX-License-Identifier: MIT */
/*
 * 8259A pair: initialisation, nesting, cascade, spurious, auto-EOI, levels.
 */
#include "vmm/device/pic/pic.h"
#include "vmm/device/test/fixture.h"

static struct pic pic;
static struct fixture_line intr;

static void setup_chip(struct pic_chip *chip, uint8_t vector, uint8_t icw4)
{
    pic_chip_write(chip, 0, 1, 0x11);
    pic_chip_write(chip, 1, 1, vector);
    pic_chip_write(chip, 1, 1, chip == &pic.master ? 4 : 2);
    pic_chip_write(chip, 1, 1, icw4);
    pic_chip_write(chip, 1, 1, 0);
}

static void setup(uint8_t icw4)
{
    intr = (struct fixture_line){0};
    pic_init(&pic, fixture_irq(&intr));
    setup_chip(&pic.master, 0x30, icw4);
    setup_chip(&pic.slave, 0x38, icw4);
}

static void pulse(unsigned irq)
{
    pic_set_line(&pic, irq, false);
    pic_set_line(&pic, irq, true);
}

static uint8_t read_isr(struct pic_chip *chip)
{
    pic_chip_write(chip, 0, 1, 0x0b);
    return (uint8_t)pic_chip_read(chip, 0, 1);
}

static uint8_t read_irr(struct pic_chip *chip)
{
    pic_chip_write(chip, 0, 1, 0x0a);
    return (uint8_t)pic_chip_read(chip, 0, 1);
}

static void eoi(struct pic_chip *chip)
{
    pic_chip_write(chip, 0, 1, 0x20);
}

static void test_nesting(void)
{
    CASE("masked until initialised; IMR reads back");
    pic_init(&pic, fixture_irq(&intr));
    pulse(1);
    CHECK(!intr.level);
    CHECK_EQ(pic_chip_read(&pic.master, 1, 1), 0xff);

    CASE("a lower request waits, a higher one interrupts");
    setup(1);
    pulse(4);
    CHECK(intr.level);
    CHECK_EQ(pic_acknowledge(&pic), 0x34);
    CHECK(!intr.level);
    CHECK_EQ(read_isr(&pic.master), 0x10);
    CHECK_EQ(read_irr(&pic.master), 0);
    pulse(6);
    CHECK(!intr.level);
    pulse(1);
    CHECK(intr.level);
    CHECK_EQ(pic_acknowledge(&pic), 0x31);
    eoi(&pic.master);
    CHECK_EQ(read_isr(&pic.master), 0x10);
    CHECK(!intr.level);
    eoi(&pic.master);
    CHECK(intr.level);
    CHECK_EQ(pic_acknowledge(&pic), 0x36);

    CASE("edge input: a line that stays high interrupts once");
    setup(1);
    pic_set_line(&pic, 4, true);
    pic_acknowledge(&pic);
    eoi(&pic.master);
    CHECK(!intr.level);
    pulse(4);
    CHECK(intr.level);

    CASE("a mask holds a request back and does not lose it");
    setup(1);
    pic_chip_write(&pic.master, 1, 1, 0x10);
    pulse(4);
    CHECK(!intr.level);
    CHECK_EQ(read_irr(&pic.master), 0x10);
    pic_chip_write(&pic.master, 1, 1, 0);
    CHECK(intr.level);
}

static void test_cascade(void)
{
    CASE("slave: vector from its own ICW2, two EOIs");
    setup(1);
    pulse(12);
    CHECK_EQ(pic_acknowledge(&pic), 0x3c);
    CHECK_EQ(read_isr(&pic.master), 0x04);
    CHECK_EQ(read_isr(&pic.slave), 0x10);
    eoi(&pic.slave);
    eoi(&pic.master);
    CHECK_EQ(read_isr(&pic.master) | read_isr(&pic.slave), 0);

    CASE("slave ranks between IR1 and IR3");
    setup(1);
    pulse(3);
    pulse(8);
    pulse(1);
    CHECK_EQ(pic_acknowledge(&pic), 0x31);
    eoi(&pic.master);
    CHECK_EQ(pic_acknowledge(&pic), 0x38);
    eoi(&pic.slave);
    eoi(&pic.master);
    CHECK_EQ(pic_acknowledge(&pic), 0x33);
}

static void test_spurious(void)
{
    CASE("spurious: a request that went away gives IR7 without ISR");
    setup(1);
    pic_set_line(&pic, 4, true);
    pic_set_line(&pic, 4, false);
    CHECK(!intr.level);
    CHECK_EQ(pic_acknowledge(&pic), 0x37);
    CHECK_EQ(read_isr(&pic.master), 0);
}

static void test_modes(void)
{
    CASE("automatic EOI leaves nothing in service; several slave requests in a row");
    setup(3);
    pulse(9);
    pulse(10);
    CHECK_EQ(pic_acknowledge(&pic), 0x39);
    CHECK_EQ(read_isr(&pic.master), 0);
    CHECK(intr.level);
    CHECK_EQ(pic_acknowledge(&pic), 0x3a);
    CHECK(!intr.level);

    CASE("specific EOI");
    setup(1);
    pulse(4);
    pic_acknowledge(&pic);
    pulse(1);
    pic_acknowledge(&pic);
    pic_chip_write(&pic.master, 0, 1, 0x64);
    CHECK_EQ(read_isr(&pic.master), 0x02);
    pic_chip_write(&pic.master, 0, 1, 0xa0); /* rotating: an EOI */
    CHECK_EQ(read_isr(&pic.master), 0);
}

static void test_level(void)
{
    CASE("ELCR: fixed inputs stay edge-triggered; a level input repeats until it falls");
    setup(1);
    pic_elcr_write(&pic, 0, 1, 0xff);
    pic_elcr_write(&pic, 1, 1, 0xff);
    CHECK_EQ(pic_elcr_read(&pic, 0, 1), 0xf8);
    CHECK_EQ(pic_elcr_read(&pic, 1, 1), 0xde);
    pic_set_line(&pic, 9, true);
    CHECK_EQ(pic_acknowledge(&pic), 0x39);
    eoi(&pic.slave);
    eoi(&pic.master);
    CHECK(intr.level);
    CHECK_EQ(pic_acknowledge(&pic), 0x39);
    pic_set_line(&pic, 9, false);
    eoi(&pic.slave);
    eoi(&pic.master);
    CHECK(!intr.level);
    pic_set_level_triggered(&pic, 1u << 9);
    CHECK_EQ(pic_elcr_read(&pic, 0, 1), 0);
    CHECK_EQ(pic_elcr_read(&pic, 1, 1), 2);
}

int main(void)
{
    test_nesting();
    test_cascade();
    test_spurious();
    test_modes();
    test_level();
    return check_finish();
}
