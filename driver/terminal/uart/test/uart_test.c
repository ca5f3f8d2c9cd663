/* SPDX-License-Identifier: MIT */
/* The UART logic against a model of the device. */
#include "driver/terminal/uart/uart.h"

#include "test/check.h"

/* As much of a 16550 as the driver uses. */
static struct model {
    bool present, fifo, transmitter_empty;
    uint8_t ier, lcr, mcr, fcr, scratch;
    uint16_t divisor;
    uint8_t received[64], sent[64];
    size_t received_count, received_at, sent_count;
} model;

static uint8_t model_read(struct uart *uart, enum uart_register reg)
{
    (void)uart;
    if (!model.present)
        return 0xff;
    switch ((unsigned)reg) {
    case UART_RBR: return model.received[model.received_at++];
    case UART_IIR: return (model.fifo ? 0xc0 : 0) | (model.received_at == model.received_count);
    case UART_LSR:
        return (uint8_t)((model.received_at < model.received_count ? UART_LSR_DATA : 0) |
                         (model.transmitter_empty ? UART_LSR_TRANSMITTER_EMPTY : 0));
    case UART_SCR: return model.scratch;
    default: return 0;
    }
}

static void model_write(struct uart *uart, enum uart_register reg, uint8_t value)
{
    bool latch = model.lcr & UART_LCR_DLAB;

    (void)uart;
    switch ((unsigned)reg) {
    case UART_THR:
        if (latch)
            model.divisor = (uint16_t)((model.divisor & 0xff00) | value);
        else
            model.sent[model.sent_count++] = value;
        break;
    case UART_IER:
        if (latch)
            model.divisor = (uint16_t)((model.divisor & 0x00ff) | value << 8);
        else
            model.ier = value;
        break;
    case UART_FCR: model.fcr = value; break;
    case UART_LCR: model.lcr = value; break;
    case UART_MCR: model.mcr = value; break;
    case UART_SCR: model.scratch = value; break;
    default: break;
    }
}

static void test_divisor(void)
{
    static const struct {
        uint64_t baud;
        uint16_t divisor;
    } good[] = {{115200, 1}, {57600, 2},  {38400, 3}, {9600, 12},
                {300, 384},  {110, 1047}, {50, 2304}, {56000, 2}};
    static const uint64_t bad[] = {0, 1, 115201, 100000, 80000, UINT64_MAX};
    uint16_t divisor;

    CASE("divisors of usual rates");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_EQ(uart_divisor(good[i].baud, &divisor), OK);
        CHECK_EQ(divisor, good[i].divisor);
    }
    CASE("rates that the clock does not reach");
    divisor = 77;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_EQ(uart_divisor(bad[i], &divisor), ERR_RANGE);
    CHECK_EQ(divisor, 77);
}

int main(void)
{
    struct uart uart = {.read = model_read, .write = model_write, .port = 0x3f8};
    uint8_t bytes[32];

    test_divisor();

    CASE("no device");
    CHECK_EQ(uart_start(&uart, 1), ERR_NOT_FOUND);

    CASE("start programs rate, 8N1, FIFOs and the interrupt line");
    model = (struct model){.present = true, .fifo = true, .transmitter_empty = true, .ier = 15};
    CHECK_EQ(uart_start(&uart, 0x123), OK);
    CHECK_EQ(model.divisor, 0x123);
    CHECK_EQ(model.lcr, UART_LCR_8N1);
    CHECK_EQ(model.ier, 0);
    CHECK(model.fcr & UART_FCR_ENABLE && !(model.fcr & UART_FCR_CLEAR));
    CHECK(model.mcr & UART_MCR_OUT2);
    CHECK_EQ(uart_room(&uart), UART_FIFO_SIZE);

    CASE("without FIFOs one byte at a time");
    model.fifo = false;
    CHECK_EQ(uart_start(&uart, 1), OK);
    CHECK_EQ(uart_room(&uart), 1);

    CASE("nothing is written while the transmitter is busy");
    model.transmitter_empty = false;
    CHECK_EQ(uart_room(&uart), 0);
    uart_send(&uart, (const uint8_t *)"abc", 3);
    CHECK_MEM(model.sent, "abc", 3);

    CASE("receiving stops at the buffer's end and at the FIFO's");
    memcpy(model.received, "0123456789", 10);
    model.received_count = 10;
    CHECK(uart_interrupt_pending(&uart));
    CHECK_EQ(uart_receive(&uart, bytes, 4), 4);
    CHECK_MEM(bytes, "0123", 4);
    CHECK_EQ(uart_receive(&uart, bytes, sizeof(bytes)), 6);
    CHECK(!uart_interrupt_pending(&uart));

    CASE("interrupt enable");
    uart_interrupts(&uart, true, false);
    CHECK_EQ(model.ier, UART_IER_RECEIVED);
    uart_interrupts(&uart, true, true);
    CHECK_EQ(model.ier, UART_IER_RECEIVED | UART_IER_TRANSMITTER_EMPTY);
    return check_finish();
}
