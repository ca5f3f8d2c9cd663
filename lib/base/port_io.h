/* SPDX-License-Identifier: MIT */
/*
 * Byte accesses to ports, for those that the IO_PORT contract has enabled; any other raises an exception.
 */
#ifndef LIB_BASE_PORT_IO_H
#define LIB_BASE_PORT_IO_H

#include <stdint.h>

static inline uint8_t port_in8(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void port_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

#endif
