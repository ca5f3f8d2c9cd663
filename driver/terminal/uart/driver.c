/* SPDX-License-Identifier: MIT */
/*
 * Moves the bytes between the 16550 and the one client.
 *
 * Both directions are driven by interrupts. `pump` moves what can be moved: received bytes into the client's ring, the
 * client's output into the transmit FIFO. It runs on an interrupt and when the client asks. If the client takes no input,
 * the receive interrupt is switched off until there is room again (then the line, or the emulator, holds back).
 *
 * The interrupt is an edge: after the line has been unmasked, the device is looked at once more, for an edge in between
 * would be lost.
 */
#include "driver/terminal/uart/driver.h"

#include "contract/irq/client.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/port_io.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"
#include "lib/terminal/server.h"

#define FILLS_AT_ONCE 4u /* FIFO loads before others have a turn */

static struct driver {
    struct uart uart;
    uint32_t interrupt;
    struct signal interrupt_signal;
    struct terminal_session *session_opt;
    uint8_t input[256]; /* received, not yet taken by the client */
    size_t input_length;
} driver;

static uint8_t read_port(struct uart *uart, enum uart_register reg)
{
    return port_in8((uint16_t)(uart->port + reg));
}

static void write_port(struct uart *uart, enum uart_register reg, uint8_t value)
{
    port_out8((uint16_t)(uart->port + reg), value);
}

/* Moves input; false: the client must make room first. */
static bool pump_input(void)
{
    size_t taken;

    for (;;) {
        size_t room = sizeof(driver.input) - driver.input_length;
        driver.input_length += uart_receive(&driver.uart, driver.input + driver.input_length, room);
        if (driver.input_length == 0)
            return true;
        if (!driver.session_opt ||
            terminal_session_write(driver.session_opt, driver.input, driver.input_length, &taken) != OK ||
            taken == 0)
            return driver.input_length < sizeof(driver.input);
        driver.input_length -= taken;
        memmove(driver.input, driver.input + taken, driver.input_length);
    }
}

/* Moves output; true: there may be more when the transmitter is empty. */
static bool pump_output(void)
{
    uint8_t bytes[UART_FIFO_SIZE];
    size_t room, got;

    if (!driver.session_opt)
        return false;
    for (unsigned i = 0; i < FILLS_AT_ONCE; i++) {
        room = uart_room(&driver.uart);
        if (room == 0)
            return true;
        if (terminal_session_read(driver.session_opt, bytes, room, &got) != OK)
            return false;
        uart_send(&driver.uart, bytes, got);
        if (got < room)
            return false;
    }
    return true;
}

static void pump(void)
{
    bool receive = pump_input();
    bool transmit = pump_output();

    uart_interrupts(&driver.uart, receive, transmit);
}

static void interrupted(struct signal *signal)
{
    (void)signal;
    pump();
    if (interrupt_ack(driver.interrupt) != OK)
        log_error("interrupt lost");
    if (uart_interrupt_pending(&driver.uart))
        pump();
}

/* ---- the service ---- */

static void changed(struct terminal_session *session)
{
    if (session == driver.session_opt)
        pump();
}

static enum status opened(struct terminal_session *session, const struct parent_request *request)
{
    (void)request;
    if (driver.session_opt)
        return ERR_BUSY;
    driver.session_opt = session;
    return OK;
}

static void closed(struct terminal_session *session)
{
    if (session == driver.session_opt)
        driver.session_opt = NULL;
}

/* ---- start ---- */

enum status driver_device_start(uint16_t port, uint16_t divisor)
{
    driver.uart = (struct uart){.read = read_port, .write = write_port, .port = port};
    return uart_start(&driver.uart, divisor);
}

enum status driver_interrupt_start(struct entrypoint *entrypoint, uint32_t session)
{
    struct irq_line line;
    enum status status = signal_create(entrypoint, &driver.interrupt_signal, interrupted);

    if (status == OK)
        status = irq_bind(session, driver.interrupt_signal.slot, &line, &driver.interrupt);
    return status == OK ? interrupt_ack(driver.interrupt) : status;
}

enum status driver_service_start(struct entrypoint *entrypoint)
{
    static struct terminal_server server = {
        .session_size = sizeof(struct terminal_session),
        .opened_opt = opened,
        .changed = changed,
        .closed_opt = closed,
    };
    enum status status = terminal_server_start(&server, entrypoint);

    if (status == OK)
        pump();
    return status;
}
