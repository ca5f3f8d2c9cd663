/* SPDX-License-Identifier: MIT */
/*
 * UART driver: a 16550 becomes a TERMINAL session for one client.
 *
 * Both directions are driven by interrupts. `pump` moves what can be moved: received bytes into the client's ring, the
 * client's output into the transmit FIFO. It runs on an interrupt and when the client asks. If the client takes no input,
 * the receive interrupt is switched off until there is room again (then the line, or the emulator, holds back).
 *
 * The interrupt is an edge: after the line has been unmasked, the device is looked at once more, for an edge in between
 * would be lost.
 */
#include "contract/io_port/client.h"
#include "contract/irq/client.h"
#include "driver/terminal/uart/uart.h"
#include "lib/base/env.h"
#include "lib/base/interrupt.h"
#include "lib/base/log.h"
#include "lib/base/port_io.h"
#include "lib/base/session.h"
#include "lib/config/config.h"
#include "lib/fmt/fmt.h"
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

struct settings {
    uint64_t port, irq, baud;
    uint16_t divisor;
};

static enum status settings_read(struct settings *out)
{
    static const char *const names[] = {"port", "irq", "baud", NULL};
    struct xml_node config;
    enum status status = config_load_or_empty(&config);

    if (status == OK)
        status = config_check_attributes(config, names);
    if (status == OK)
        status = config_number(config, "port", 0x3f8, 1, 0xfff8, &out->port);
    if (status == OK)
        status = config_number(config, "irq", 4, 0, 255, &out->irq);
    if (status == OK)
        status = config_number(config, "baud", 115200, 50, UART_CLOCK, &out->baud);
    if (status != OK)
        return status;
    status = uart_divisor(out->baud, &out->divisor);
    if (status != OK)
        config_complain(config, "baud", "the UART cannot do this rate");
    return status;
}

static enum status ports_open(const struct settings *settings)
{
    struct connection connection;
    struct io_port_range range;
    char args[64];
    struct session_options options = {.service = IO_PORT_SERVICE, .label_opt = "uart", .args_opt = args};

    fmt_format(args, sizeof(args), "port=0x%x, size=%u", (unsigned)settings->port, UART_PORTS);
    enum status status = session_open(&options, &connection);
    if (status == OK)
        status = io_port_enable(connection.slot, &range);
    if (status != OK)
        log_error("no access to the ports (%s): %s", args, status_text(status));
    return status;
}

static enum status interrupt_open(struct entrypoint *entrypoint, const struct settings *settings)
{
    struct connection connection;
    struct irq_line line;
    char args[64];
    struct session_options options = {.service = IRQ_SERVICE, .label_opt = "uart", .args_opt = args};

    fmt_format(args, sizeof(args), "gsi=%u", (unsigned)settings->irq);
    enum status status = session_open(&options, &connection);
    if (status == OK)
        status = signal_create(entrypoint, &driver.interrupt_signal, interrupted);
    if (status == OK)
        status = irq_bind(connection.slot, driver.interrupt_signal.slot, &line, &driver.interrupt);
    if (status == OK)
        status = interrupt_ack(driver.interrupt);
    if (status != OK)
        log_error("no interrupt (%s): %s", args, status_text(status));
    return status;
}

int component_main(struct env *environment)
{
    static struct terminal_server server = {
        .session_size = sizeof(struct terminal_session),
        .opened_opt = opened,
        .changed = changed,
        .closed_opt = closed,
    };
    struct settings settings;

    if (settings_read(&settings) != OK || ports_open(&settings) != OK)
        return 1;
    driver.uart = (struct uart){.read = read_port, .write = write_port, .port = (uint16_t)settings.port};
    if (uart_start(&driver.uart, settings.divisor) != OK) {
        log_error("no UART at port 0x%x", (unsigned)settings.port);
        return 1;
    }
    if (interrupt_open(&environment->entrypoint, &settings) != OK)
        return 1;
    enum status status = terminal_server_start(&server, &environment->entrypoint);
    if (status != OK) {
        log_error("cannot announce TERMINAL: %s", status_text(status));
        return 1;
    }
    pump();
    entrypoint_run(&environment->entrypoint);
    return 0;
}
