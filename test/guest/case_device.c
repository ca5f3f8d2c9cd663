/* SPDX-License-Identifier: MIT */
/*
 * Cases: port strings, the serial port's interrupt (edge and level), and the real-time clock.
 */
#include "test/guest/cases.h"

enum {
    UART_IER = PORT_COM1 + 1,
    UART_IIR = PORT_COM1 + 2,
    UART_MCR = PORT_COM1 + 4,
    UART_LSR = PORT_COM1 + 5,
    UART_SCRATCH = PORT_COM1 + 7,
    IER_TRANSMITTER_EMPTY = 2,
    MCR_OUT2 = 8, /* lets the interrupt through on a PC */
    IIR_TRANSMITTER_EMPTY = 2,
};

enum outcome case_port_strings(void)
{
    static const char text[] = "(outsb) ";
    uint8_t bytes[6] = {1, 2, 3, 4, 5, 0xa7};
    const void *from = bytes;
    uint64_t count = 6;
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(UART_SCRATCH) : "memory");
    EXPECT_EQ(inb(UART_SCRATCH), 0xa7);
    EXPECT_EQ(count, 0);
    EXPECT_EQ((uintptr_t)from, (uintptr_t)bytes + 6);
    void *to = bytes;
    count = 5;
    asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(UART_SCRATCH) : "memory");
    EXPECT_EQ((uintptr_t)to, (uintptr_t)bytes + 5);
    for (unsigned i = 0; i < 5; i++)
        EXPECT_EQ(bytes[i], 0xa7);
    from = bytes;
    bytes[0] = 0x33;
    asm volatile("outsb" : "+S"(from) : "d"(UART_SCRATCH) : "memory");
    EXPECT_EQ(inb(UART_SCRATCH), 0x33);
    to = bytes + 3;
    asm volatile("std; insb; cld" : "+D"(to) : "d"(UART_SCRATCH) : "memory", "cc");
    EXPECT_EQ(bytes[3], 0x33);
    EXPECT_EQ((uintptr_t)to, (uintptr_t)bytes + 2);
    while (!(inb(UART_LSR) & 0x40))
        asm volatile("pause");
    from = text; /* shows up in the line of this case */
    count = sizeof(text) - 1;
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(PORT_COM1) : "memory");
    EXPECT_EQ(count, 0);
    return OUTCOME_OK;
}

static uint8_t uart_cause;

static void hook_uart(struct trap_frame *frame)
{
    (void)frame;
    uart_cause = inb(UART_IIR); /* reading it takes the transmitter's interrupt back */
}

enum outcome case_uart_interrupt(void)
{
    while (!(inb(UART_LSR) & 0x40))
        asm volatile("pause");
    outb(UART_MCR, 3 | MCR_OUT2);
    trap_hook[VECTOR_LOW] = hook_uart;
    ioapic_route_isa(4, VECTOR_LOW);
    EXPECT(!wait_for(&trap_count[VECTOR_LOW], 1, 5));
    EXPECT_EQ(inb(UART_IIR) & 1, 1); /* nothing pending */
    for (uint32_t i = 1; i <= 3; i++) {
        outb(UART_IER, IER_TRANSMITTER_EMPTY); /* the transmitter is empty already */
        EXPECT(wait_for(&trap_count[VECTOR_LOW], i, 2000));
        EXPECT_EQ(uart_cause & 0xf, IIR_TRANSMITTER_EMPTY);
        EXPECT_EQ(inb(UART_IIR) & 1, 1);
        outb(UART_IER, 0);
    }
    /* and when a byte has left */
    outb(UART_IER, IER_TRANSMITTER_EMPTY);
    EXPECT(wait_for(&trap_count[VECTOR_LOW], 4, 2000));
    outb(PORT_COM1, '.');
    EXPECT(wait_for(&trap_count[VECTOR_LOW], 5, 2000));
    outb(UART_IER, 0);
    return OUTCOME_OK;
}

static void hook_level(struct trap_frame *frame)
{
    (void)frame;
    if (trap_count[VECTOR_LOW] == 3)
        outb(UART_IER, 0); /* only now does the line fall */
}

/* The same line, level-triggered: it interrupts again after each end of interrupt while it stays high. */
enum outcome case_level_interrupt(void)
{
    unsigned pin = ioapic_pin(4);
    while (!(inb(UART_LSR) & 0x40))
        asm volatile("pause");
    outb(UART_MCR, 3 | MCR_OUT2);
    trap_hook[VECTOR_LOW] = hook_level;
    ioapic_write((uint8_t)(0x11 + 2 * pin), lapic_read(LAPIC_ID));
    ioapic_write((uint8_t)(0x10 + 2 * pin), VECTOR_LOW | IOAPIC_LEVEL);
    outb(UART_IER, IER_TRANSMITTER_EMPTY);
    EXPECT(ioapic_read((uint8_t)(0x10 + 2 * pin)) & IOAPIC_REMOTE_IRR);
    EXPECT(wait_for(&trap_count[VECTOR_LOW], 3, 2000));
    EXPECT(!wait_for(&trap_count[VECTOR_LOW], 4, 10));
    EXPECT(!(ioapic_read((uint8_t)(0x10 + 2 * pin)) & IOAPIC_REMOTE_IRR));
    return OUTCOME_OK;
}

static uint8_t rtc_read(uint8_t index)
{
    outb(PORT_RTC_INDEX, index);
    return inb(PORT_RTC_DATA);
}

static void rtc_write(uint8_t index, uint8_t value)
{
    outb(PORT_RTC_INDEX, index);
    outb(PORT_RTC_DATA, value);
}

/* A register as a number; false where its digits make none. */
static bool rtc_number(uint8_t index, unsigned *out)
{
    uint8_t value = rtc_read(index);
    if (rtc_read(0x0b) & 4) {
        *out = value;
        return true;
    }
    if ((value & 0xf) > 9 || value >> 4 > 9)
        return false;
    *out = (value >> 4) * 10u + (value & 0xf);
    return true;
}

enum outcome case_rtc_time(void)
{
    unsigned second, minute, hour, day, month, year;
    uint64_t limit = time_after_ms(2000);
    while (rtc_read(0x0a) & 0x80 && !time_passed(limit))
        asm volatile("pause");
    EXPECT(!(rtc_read(0x0a) & 0x80));
    EXPECT(rtc_read(0x0d) & 0x80); /* battery good */
    EXPECT(rtc_number(0, &second) && second < 60);
    EXPECT(rtc_number(2, &minute) && minute < 60);
    EXPECT(rtc_read(0x0b) & 2); /* 24 hours */
    EXPECT(rtc_number(4, &hour) && hour < 24);
    EXPECT(rtc_number(7, &day) && day >= 1 && day <= 31);
    EXPECT(rtc_number(8, &month) && month >= 1 && month <= 12);
    EXPECT(rtc_number(9, &year) && year < 100);
    return OUTCOME_OK;
}

static uint8_t rtc_cause;

static void hook_rtc(struct trap_frame *frame)
{
    (void)frame;
    rtc_cause = rtc_read(0x0c); /* reading it takes the interrupt back */
}

enum outcome case_rtc_update(void)
{
    unsigned before, after;
    uint8_t control = rtc_read(0x0b);
    trap_hook[VECTOR_LOW] = hook_rtc;
    ioapic_route_isa(8, VECTOR_LOW);
    (void)rtc_read(0x0c);
    EXPECT(rtc_number(0, &before));
    rtc_write(0x0b, (uint8_t)((control & ~0x70) | 0x10));
    bool came = wait_for(&trap_count[VECTOR_LOW], 1, 4000);
    EXPECT(rtc_number(0, &after));
    rtc_write(0x0b, control);
    EXPECT(came);
    EXPECT_EQ(rtc_cause & 0x90, 0x90); /* interrupt, update ended */
    EXPECT(after != before);
    return OUTCOME_OK;
}
