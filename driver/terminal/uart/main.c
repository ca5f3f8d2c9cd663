/* SPDX-License-Identifier: MIT */
/*
 * UART driver: a 16550 becomes a TERMINAL session for one client. Here the configuration is read and the resources are
 * opened; driver.c does the work.
 */
#include "contract/io_port/client.h"
#include "contract/irq/wire.h"
#include "driver/terminal/uart/driver.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/session.h"
#include "lib/config/config.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"

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
    char args[64];
    struct session_options options = {.service = IRQ_SERVICE, .label_opt = "uart", .args_opt = args};

    fmt_format(args, sizeof(args), "gsi=%u", (unsigned)settings->irq);
    enum status status = session_open(&options, &connection);
    if (status == OK)
        status = driver_interrupt_start(entrypoint, connection.slot);
    if (status != OK)
        log_error("no interrupt (%s): %s", args, status_text(status));
    return status;
}

int component_main(struct env *environment)
{
    struct settings settings;

    if (settings_read(&settings) != OK || ports_open(&settings) != OK)
        return 1;
    if (driver_device_start((uint16_t)settings.port, settings.divisor) != OK) {
        log_error("no UART at port 0x%x", (unsigned)settings.port);
        return 1;
    }
    if (interrupt_open(&environment->entrypoint, &settings) != OK)
        return 1;
    enum status status = driver_service_start(&environment->entrypoint);
    if (status != OK) {
        log_error("cannot announce TERMINAL: %s", status_text(status));
        return 1;
    }
    entrypoint_run(&environment->entrypoint);
    return 0;
}
