/* SPDX-License-Identifier: MIT */
/*
 * Reading a static ELF64 program, hardware-free and with every field range-checked: the file is not trusted.
 *
 * elf_parse copies out what a loader needs; afterwards the file's headers are not looked at again. Segments are whole
 * pages apart from each other, lie in [ELF_ADDRESS_MIN, ELF_ADDRESS_END), do not overlap, ascend, and are never writable
 * and executable at once.
 */
#ifndef LIB_CHILD_ELF_H
#define LIB_CHILD_ELF_H

#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_SEGMENTS_MAX 8u
#define ELF_ADDRESS_MIN  0x1000ull
#define ELF_ADDRESS_END  0x00007fff00000000ull
#define ELF_MEMORY_MAX   (1ull << 32) /* of one segment */

struct elf_segment {
    uint64_t address;     /* as linked; the page of it is the segment's alone */
    uint64_t memory_size; /* at least file_size; the rest is zero */
    uint64_t file_offset; /* [file_offset, file_offset + file_size) lies in the file */
    uint64_t file_size;
    bool write, execute;
};

struct elf_image {
    uint64_t entry; /* in an executable segment */
    unsigned segment_count;
    struct elf_segment segments[ELF_SEGMENTS_MAX];
};

/* ERR_INVALID: not a static x86-64 ELF program, or one that breaks a rule above. ERR_RANGE: it points outside itself or
   outside the address range. ERR_OVERFLOW: more than ELF_SEGMENTS_MAX segments. */
[[nodiscard]] enum status elf_parse(const void *file, uint64_t size, struct elf_image *out);

#endif
