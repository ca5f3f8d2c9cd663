/* SPDX-License-Identifier: MIT */
/*
 * 16550: interrupt identification and priority, FIFOs, timeout, flow both ways, loopback, modem status.
 */
#include "vmm/device/test/fixture.h"
#include "vmm/device/uart16550/uart16550.h"

static struct uart16550 uart;
static struct fixture_line irq4;
static uint8_t sent[256];
static unsigned sent_count, sent_room;

static bool transmit(void *context, uint8_t byte)
{
    (void)context;
    if (sent_count == sent_room)
        return false;
    sent[sent_count++] = byte;
    return true;
}

static uint8_t get(unsigned offset)
{
    return (uint8_t)uart16550_read(&uart, offset, 1);
}

static void put(unsigned offset, uint8_t value)
{
    uart16550_write(&uart, offset, 1, value);
}

static void setup(uint8_t fcr)
{
    irq4 = (struct fixture_line){0};
    sent_count = 0;
    sent_room = sizeof(sent);
    uart16550_init(&uart, fixture_clock, fixture_irq(&irq4), transmit, NULL);
    put(4, 0x0b);
    put(2, fcr);
}

static void test_transmit(void)
{
    CASE("reset state; scratch; divisor behind DLAB");
    setup(0);
    CHECK_EQ(get(1), 0);
    CHECK_EQ(get(2), 0x01);
    CHECK_EQ(get(5), 0x60);
    CHECK_EQ(get(6), 0xb0);
    put(7, 0x5a);
    CHECK_EQ(get(7), 0x5a);
    put(3, 0x83);
    put(0, 1);
    put(1, 2);
    CHECK_EQ(get(0), 1);
    CHECK_EQ(get(1), 2);
    CHECK_EQ(get(3), 0x83);
    put(3, 0x03);
    CHECK_EQ(get(1), 0);
    CHECK_EQ(sent_count, 0);

    CASE("THRE interrupts when enabled, until IIR is read");
    put(1, 0x02);
    CHECK(irq4.level);
    CHECK_EQ(get(2), 0x02);
    CHECK(!irq4.level);
    CHECK_EQ(get(2), 0x01);

    CASE("each byte written interrupts again, with an edge");
    put(0, 'a');
    CHECK(irq4.level);
    CHECK_EQ(irq4.rises, 2);
    put(0, 'b');
    CHECK_EQ(irq4.rises, 3);
    CHECK_EQ(get(2), 0x02);
    CHECK_EQ(sent_count, 2);
    CHECK_EQ(sent[1], 'b');

    CASE("a full output holds bytes back; THRE tells when it goes on");
    setup(0x01);
    put(1, 0x02);
    get(2);
    sent_room = 1;
    for (unsigned i = 0; i < 17; i++)
        put(0, (uint8_t)('a' + i));
    CHECK_EQ(get(5), 0);
    CHECK_EQ(get(2), 0xc1);
    sent_room = 10;
    uart16550_transmit_ready(&uart);
    CHECK_EQ(get(5), 0);
    sent_room = 100;
    uart16550_transmit_ready(&uart);
    CHECK_EQ(sent_count, 17);
    CHECK(memcmp(sent, "abcdefghijklmnopq", 17) == 0);
    CHECK_EQ(get(5), 0x60);
    CHECK(irq4.level);
    CHECK_EQ(get(2), 0xc2);
}

static void test_receive(void)
{
    CASE("without FIFO: one byte, RDA until it is read");
    setup(0);
    put(1, 0x01);
    CHECK_EQ(uart16550_receive_space(&uart), 1);
    CHECK_EQ(uart16550_receive(&uart, (const uint8_t *)"xy", 2), 1);
    CHECK_EQ(uart16550_receive_space(&uart), 0);
    CHECK(irq4.level);
    CHECK_EQ(get(2), 0x04);
    CHECK_EQ(get(5), 0x61);
    CHECK_EQ(get(0), 'x');
    CHECK(!irq4.level);
    CHECK_EQ(get(5), 0x60);

    CASE("with FIFO: trigger level, order, space");
    setup(0x81);
    put(1, 0x01);
    CHECK_EQ(uart16550_receive_space(&uart), 16);
    CHECK_EQ(uart16550_receive(&uart, (const uint8_t *)"1234567", 7), 7);
    CHECK(!irq4.level);
    CHECK_EQ(uart16550_receive(&uart, (const uint8_t *)"89abcdefgh", 10), 9);
    CHECK_EQ(get(2), 0xc4);
    CHECK_EQ(uart16550_receive_space(&uart), 0);
    for (unsigned i = 0; i < 9; i++)
        CHECK_EQ(get(0), "123456789abcdefg"[i]);
    CHECK_EQ(get(2), 0xc1);

    CASE("character timeout after four characters, ended by a read");
    uint64_t due = uart16550_deadline(&uart);
    CHECK_EQ(due - fixture_ns, 4ull * (1 + 5 + 1) * 12 * 8681);
    fixture_ns = due - 1;
    uart16550_expire(&uart, fixture_ns);
    CHECK(!irq4.level);
    fixture_ns = due;
    uart16550_expire(&uart, fixture_ns);
    CHECK(irq4.level);
    CHECK_EQ(get(2), 0xcc);
    get(0);
    CHECK(!irq4.level);
    CHECK(uart16550_deadline(&uart) > fixture_ns);

    CASE("FIFO reset empties; an empty receiver reads 0");
    put(2, 0x83);
    CHECK_EQ(get(5) & 1, 0);
    CHECK_EQ(uart16550_deadline(&uart), DEVICE_NO_DEADLINE);
    CHECK_EQ(get(0), 0);
    uart16550_receive(&uart, (const uint8_t *)"1", 1);
    put(2, 0);
    CHECK_EQ(get(5) & 1, 0);
}

static void test_priority(void)
{
    CASE("identification: line status, data, THRE, modem, in this order");
    setup(0);
    put(4, 0x1b);
    put(1, 0x0f);
    put(0, 'a');
    put(0, 'b');
    put(4, 0x10);
    CHECK(!irq4.level);
    put(4, 0x0b);
    CHECK(irq4.level);
    CHECK_EQ(get(2), 0x06);
    CHECK_EQ(get(5), 0x63);
    CHECK_EQ(get(2), 0x04);
    CHECK_EQ(get(0), 'a');
    CHECK_EQ(get(2), 0x02);
    CHECK_EQ(get(2), 0x00);
    CHECK(get(6) & 0x0f);
    CHECK_EQ(get(2), 0x01);
    CHECK(!irq4.level);

    CASE("OUT2 gates the line");
    setup(0);
    put(1, 0x02);
    CHECK(irq4.level);
    put(4, 0x03);
    CHECK(!irq4.level);
    CHECK_EQ(get(2), 0x02);
}

static void test_loopback(void)
{
    CASE("loopback: data comes back and does not leave");
    setup(0x01);
    put(4, 0x1b);
    put(0, 'q');
    CHECK_EQ(sent_count, 0);
    CHECK_EQ(get(5), 0x61);
    CHECK_EQ(get(0), 'q');
    CHECK_EQ(uart16550_receive_space(&uart), 0);

    CASE("loopback: modem outputs appear as inputs (how Linux finds the port)");
    put(4, 0x1a);
    CHECK_EQ(get(6) & 0xf0, 0x90);
    put(4, 0x1f);
    CHECK_EQ(get(6) & 0xf0, 0xf0);
    CHECK_EQ(get(6) & 0x0f, 0);
    put(4, 0x13);
    CHECK_EQ(get(6), 0x3c);

    CASE("loopback: overrun when nobody reads");
    put(2, 0x07);
    for (unsigned i = 0; i < 17; i++)
        put(0, (uint8_t)i);
    CHECK_EQ(get(5), 0x63);
    CHECK_EQ(get(5), 0x61);
    CHECK_EQ(get(0), 0);
}

int main(void)
{
    test_transmit();
    test_receive();
    test_priority();
    test_loopback();
    return check_finish();
}
