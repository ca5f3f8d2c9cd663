/* SPDX-License-Identifier: MIT */
/*
 * The DSDT, compiled by iasl from dsdt.asl when the tree is built.
 */
#ifndef VMM_FIRMWARE_DSDT_H
#define VMM_FIRMWARE_DSDT_H

#include <stdint.h>

extern const uint8_t dsdt_table[];
extern const uint32_t dsdt_table_size;

#endif
