/* SPDX-License-Identifier: MIT */
/*
 * 16550 UART; see uart16550.h. Numbers in comments are sections of the PC16550D datasheet.
 */
#include "vmm/device/uart16550/uart16550.h"

#include "lib/string/string.h"

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

enum {
    IER_ERBFI = 1 << 0,
    IER_ETBEI = 1 << 1,
    IER_ELSI = 1 << 2,
    IER_EDSSI = 1 << 3,
    IIR_NONE = 0x01,
    IIR_MODEM = 0x00,
    IIR_THRE = 0x02,
    IIR_RDA = 0x04,
    IIR_TIMEOUT = 0x0c,
    IIR_LINE = 0x06,
    IIR_FIFOS = 0xc0,
    FCR_ENABLE = 1 << 0,
    FCR_RCVR_RESET = 1 << 1,
    FCR_XMIT_RESET = 1 << 2,
    LCR_STB = 1 << 2,
    LCR_PEN = 1 << 3,
    LCR_DLAB = 1 << 7,
    MCR_DTR = 1 << 0,
    MCR_RTS = 1 << 1,
    MCR_OUT1 = 1 << 2,
    MCR_OUT2 = 1 << 3,
    MCR_LOOP = 1 << 4,
    LSR_DR = 1 << 0,
    LSR_OE = 1 << 1,
    LSR_THRE = 1 << 5,
    LSR_TEMT = 1 << 6,
    MSR_DELTAS = 0x0f,
    MSR_TERI = 1 << 2,
    MSR_CTS = 1 << 4,
    MSR_DSR = 1 << 5,
    MSR_RI = 1 << 6,
    MSR_DCD = 1 << 7,
};

#define NS_PER_BAUD_TICK 8681 /* one bit at divisor 1: 16 periods of 1.8432 MHz, rounded up */

static unsigned fifo_size(const struct uart16550 *uart)
{
    return uart->fcr & FCR_ENABLE ? UART16550_FIFO : 1;
}

static void fifo_put(struct uart16550_fifo *fifo, uint8_t byte)
{
    fifo->byte[(fifo->head + fifo->count++) % UART16550_FIFO] = byte;
}

static uint8_t fifo_get(struct uart16550_fifo *fifo)
{
    uint8_t byte = fifo->byte[fifo->head];

    fifo->head = (uint8_t)((fifo->head + 1) % UART16550_FIFO);
    fifo->count--;
    return byte;
}

/* 8.5: FCR bits 6 and 7, the number of bytes that raise RDA. */
static unsigned receive_trigger(const struct uart16550 *uart)
{
    static const uint8_t trigger[4] = {1, 4, 8, 14};

    return uart->fcr & FCR_ENABLE ? trigger[uart->fcr >> 6] : 1;
}

/* 8.6, table IV: the enabled interrupt of highest priority. */
static uint8_t identify(const struct uart16550 *uart)
{
    if ((uart->ier & IER_ELSI) && uart->overrun)
        return IIR_LINE;
    if ((uart->ier & IER_ERBFI) && uart->receive.count >= receive_trigger(uart))
        return IIR_RDA;
    if ((uart->ier & IER_ERBFI) && uart->timeout_pending)
        return IIR_TIMEOUT;
    if ((uart->ier & IER_ETBEI) && uart->thre_pending)
        return IIR_THRE;
    if ((uart->ier & IER_EDSSI) && (uart->msr & MSR_DELTAS))
        return IIR_MODEM;
    return IIR_NONE;
}

static void update_line(struct uart16550 *uart)
{
    bool level = (uart->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2 && identify(uart) != IIR_NONE;

    if (level == uart->intr)
        return;
    uart->intr = level;
    irq_line_set(&uart->line, level);
}

/* 8.4: a timeout comes when bytes wait and for four characters none came and none was read. */
static void restart_timeout(struct uart16550 *uart)
{
    uint64_t bits = 1 + 5 + (uart->lcr & 3u) + (uart->lcr & LCR_PEN ? 1 : 0) + (uart->lcr & LCR_STB ? 2 : 1);
    uint64_t divisor = uart->divisor ? uart->divisor : 65536;

    uart->timeout_pending = false;
    uart->deadline = DEVICE_NO_DEADLINE;
    if (uart->receive.count && (uart->fcr & FCR_ENABLE))
        uart->deadline = device_now(&uart->clock) + 4 * bits * divisor * NS_PER_BAUD_TICK;
}

void uart16550_expire(struct uart16550 *uart, uint64_t now)
{
    if (now < uart->deadline)
        return;
    uart->deadline = DEVICE_NO_DEADLINE;
    uart->timeout_pending = true;
    update_line(uart);
}

unsigned uart16550_receive_space(const struct uart16550 *uart)
{
    unsigned size = fifo_size(uart);

    if ((uart->mcr & MCR_LOOP) || uart->receive.count >= size)
        return 0;
    return size - uart->receive.count;
}

unsigned uart16550_receive(struct uart16550 *uart, const uint8_t *bytes, unsigned count)
{
    unsigned space = uart16550_receive_space(uart);

    if (count > space)
        count = space;
    if (count == 0)
        return 0;
    for (unsigned i = 0; i < count; i++)
        fifo_put(&uart->receive, bytes[i]);
    restart_timeout(uart);
    update_line(uart);
    return count;
}

/* 8.7.5: the transmitter feeds the receiver; this is the one way to an overrun. */
static void loop_back(struct uart16550 *uart, uint8_t byte)
{
    if (uart->receive.count >= fifo_size(uart))
        uart->overrun = LSR_OE;
    else
        fifo_put(&uart->receive, byte);
    restart_timeout(uart);
}

void uart16550_transmit_ready(struct uart16550 *uart)
{
    if (uart->send.count == 0)
        return;
    while (uart->send.count && uart->transmit(uart->context, uart->send.byte[uart->send.head]))
        fifo_get(&uart->send);
    if (uart->send.count)
        return;
    uart->thre_pending = true;
    update_line(uart);
}

/*
 * THR: the write takes back a THRE interrupt, and the byte's departure raises a new one. The line must show
 * that pulse, since the interrupt controllers look at edges. Polled output has ETBEI off and passes none of
 * this.
 */
static void write_thr(struct uart16550 *uart, uint8_t byte)
{
    uart->thre_pending = false;
    if (uart->intr)
        update_line(uart);
    if (uart->mcr & MCR_LOOP) {
        loop_back(uart, byte);
    } else if (uart->send.count || !uart->transmit(uart->context, byte)) {
        if (uart->send.count < fifo_size(uart)) /* THRE was off: what does not fit is lost, as on the chip */
            fifo_put(&uart->send, byte);
        return;
    }
    uart->thre_pending = true;
    if (uart->ier)
        update_line(uart);
}

/* 8.5: switching the FIFOs on or off empties both. */
static void write_fcr(struct uart16550 *uart, uint8_t value)
{
    bool toggled = (value ^ uart->fcr) & FCR_ENABLE;

    if (toggled || (value & FCR_RCVR_RESET))
        uart->receive.count = 0;
    if ((toggled || (value & FCR_XMIT_RESET)) && uart->send.count) {
        uart->send.count = 0;
        uart->thre_pending = true;
    }
    uart->fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
    restart_timeout(uart);
}

/* 8.8: inputs as they are, or the modem outputs in loopback; changes are remembered in bits 0 to 3. */
static void update_modem(struct uart16550 *uart)
{
    uint8_t inputs = MSR_CTS | MSR_DSR | MSR_DCD;

    if (uart->mcr & MCR_LOOP)
        inputs = (uint8_t)((uart->mcr & MCR_RTS ? MSR_CTS : 0) | (uart->mcr & MCR_DTR ? MSR_DSR : 0) |
                           (uart->mcr & MCR_OUT1 ? MSR_RI : 0) | (uart->mcr & MCR_OUT2 ? MSR_DCD : 0));
    uint8_t changed = (uint8_t)((inputs ^ uart->msr) >> 4);
    if (inputs & MSR_RI) /* TERI is the trailing edge only */
        changed &= (uint8_t)~MSR_TERI;
    uart->msr = (uint8_t)(inputs | (uart->msr & MSR_DELTAS) | changed);
}

static void write_ier(struct uart16550 *uart, uint8_t value)
{
    value &= 0x0f;
    /* Enabling ETBEI while THR is empty interrupts at once. */
    if ((value & ~uart->ier & IER_ETBEI) && uart->send.count == 0)
        uart->thre_pending = true;
    uart->ier = value;
}

void uart16550_write(struct uart16550 *uart, uint64_t offset, unsigned, uint64_t value)
{
    uint8_t byte = (uint8_t)value;
    bool dlab = uart->lcr & LCR_DLAB;

    offset &= 7;
    if (offset == RBR_THR && !dlab) {
        write_thr(uart, byte);
        return;
    }
    switch (offset) {
    case RBR_THR: uart->divisor = (uint16_t)((uart->divisor & 0xff00) | byte); return;
    case IER:
        if (dlab) {
            uart->divisor = (uint16_t)((uart->divisor & 0x00ff) | byte << 8);
            return;
        }
        write_ier(uart, byte);
        break;
    case IIR_FCR: write_fcr(uart, byte); break;
    case LCR: uart->lcr = byte; return;
    case MCR:
        uart->mcr = byte & 0x1f;
        update_modem(uart);
        break;
    case MSR: /* writable for tests only (8.8); Linux reads the deltas instead */
    case LSR: return;
    default: uart->scr = byte; return;
    }
    update_line(uart);
}

static uint8_t read_rbr(struct uart16550 *uart)
{
    if (uart->receive.count == 0)
        return 0;
    uint8_t byte = fifo_get(&uart->receive);
    restart_timeout(uart);
    update_line(uart);
    return byte;
}

static uint8_t read_iir(struct uart16550 *uart)
{
    uint8_t source = identify(uart);

    if (source == IIR_THRE) { /* reading IIR resets this one source (table IV) */
        uart->thre_pending = false;
        update_line(uart);
    }
    return (uint8_t)(source | (uart->fcr & FCR_ENABLE ? IIR_FIFOS : 0));
}

static uint8_t read_lsr(struct uart16550 *uart)
{
    uint8_t value = (uint8_t)(uart->overrun | (uart->receive.count ? LSR_DR : 0) |
                              (uart->send.count ? 0 : LSR_THRE | LSR_TEMT));

    if (uart->overrun) {
        uart->overrun = 0;
        update_line(uart);
    }
    return value;
}

static uint8_t read_msr(struct uart16550 *uart)
{
    uint8_t value = uart->msr;

    uart->msr &= (uint8_t)~MSR_DELTAS;
    update_line(uart);
    return value;
}

uint64_t uart16550_read(struct uart16550 *uart, uint64_t offset, unsigned)
{
    bool dlab = uart->lcr & LCR_DLAB;

    switch (offset & 7) {
    case RBR_THR: return dlab ? uart->divisor & 0xff : read_rbr(uart);
    case IER: return dlab ? uart->divisor >> 8 : uart->ier;
    case IIR_FCR: return read_iir(uart);
    case LCR: return uart->lcr;
    case MCR: return uart->mcr;
    case LSR: return read_lsr(uart);
    case MSR: return read_msr(uart);
    default: return uart->scr;
    }
}

void uart16550_init(struct uart16550 *uart, struct device_clock clock, struct irq_line line,
                    bool (*transmit)(void *context, uint8_t byte), void *context)
{
    memset(uart, 0, sizeof(*uart));
    uart->clock = clock;
    uart->line = line;
    uart->transmit = transmit;
    uart->context = context;
    uart->divisor = 12; /* 9600 baud, where firmware leaves it */
    uart->msr = MSR_CTS | MSR_DSR | MSR_DCD;
    uart->deadline = DEVICE_NO_DEADLINE;
}

DEVICE_OPS(uart16550, struct uart16550);
