/* SPDX-License-Identifier: MIT */
/*
 * The CRC-32 of IEEE 802.3 (polynomial 0x04c11db7, reflected), as GPT, gzip and Ethernet use it. Hardware-free.
 */
#ifndef LIB_CRC32_CRC32_H
#define LIB_CRC32_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Continues a checksum: `crc` is 0 for the first piece, then the value returned for the pieces before. */
uint32_t crc32_update(uint32_t crc, const void *bytes, size_t length);

#endif
