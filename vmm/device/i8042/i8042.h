/* SPDX-License-Identifier: MIT */
/*
 * Keyboard controller that is not there, but resets the machine.
 *
 * Source: Intel UPI-41/8042 as used in the IBM PC AT (AT Technical Reference, "Keyboard Controller"): status
 * register and commands at port 0x64, data at port 0x60.
 *
 * The status register reads as an empty socket would (all ones) except for IBF, which is 0. A driver that
 * probes drains the output buffer first, sees that it never empties and gives up after a few reads; a reboot
 * path that waits for IBF before it sends "pulse output" (0xF0 to 0xFF with bit 0 clear) goes straight on.
 * The output port (command 0xD1) resets, too.
 */
#ifndef VMM_DEVICE_I8042_I8042_H
#define VMM_DEVICE_I8042_I8042_H

#include "vmm/device/device.h"

struct i8042 {
    void (*request)(void *context); /* the guest asked for a reset */
    void *context;
    bool output_port_next; /* command 0xD1 was given: the next data byte goes to the output port */
};

void i8042_init(struct i8042 *keyboard, void (*request)(void *context), void *context);

/* Port 0x60 (device is the model) and port 0x64. */
uint64_t i8042_data_read(struct i8042 *keyboard, uint64_t offset, unsigned width);
void i8042_data_write(struct i8042 *keyboard, uint64_t offset, unsigned width, uint64_t value);
uint64_t i8042_command_read(struct i8042 *keyboard, uint64_t offset, unsigned width);
void i8042_command_write(struct i8042 *keyboard, uint64_t offset, unsigned width, uint64_t value);
extern const struct device_ops i8042_data_ops, i8042_command_ops;

#endif
