/* SPDX-License-Identifier: MIT */
/*
 * Keyboard controller; see i8042.h.
 */
#include "vmm/device/i8042/i8042.h"

enum {
    STATUS_IBF = 1 << 1,
    COMMAND_WRITE_OUTPUT_PORT = 0xd1,
    COMMAND_PULSE = 0xf0,  /* low bits: outputs that are not pulsed */
    OUTPUT_RESET = 1 << 0, /* active low */
};

void i8042_init(struct i8042 *keyboard, void (*request)(void *context), void *context)
{
    keyboard->request = request;
    keyboard->context = context;
    keyboard->output_port_next = false;
}

uint64_t i8042_data_read(struct i8042 *, uint64_t, unsigned width)
{
    return device_ones(width);
}

void i8042_data_write(struct i8042 *keyboard, uint64_t, unsigned, uint64_t value)
{
    bool reset = keyboard->output_port_next && !(value & OUTPUT_RESET);

    keyboard->output_port_next = false;
    if (reset)
        keyboard->request(keyboard->context);
}

uint64_t i8042_command_read(struct i8042 *, uint64_t, unsigned width)
{
    return device_ones(width) & ~(uint64_t)STATUS_IBF;
}

void i8042_command_write(struct i8042 *keyboard, uint64_t, unsigned, uint64_t value)
{
    keyboard->output_port_next = value == COMMAND_WRITE_OUTPUT_PORT;
    if ((value & COMMAND_PULSE) == COMMAND_PULSE && !(value & OUTPUT_RESET))
        keyboard->request(keyboard->context);
}

DEVICE_OPS(i8042_data, struct i8042);
DEVICE_OPS(i8042_command, struct i8042);
