/* SPDX-License-Identifier: MIT */
/*
 * Inside the decoder: a bounded reader over the instruction's bytes, the prefixes, and the ModRM operand. Whoever reads
 * past the end gets zeros and `overrun`; it is looked at once, at the end, so that decoding has no error paths of its own.
 */
#ifndef VMM_DECODE_CURSOR_H
#define VMM_DECODE_CURSOR_H

#include "vmm/decode/decode.h"

struct cursor {
    const uint8_t *bytes;
    size_t count; /* at most DECODE_BYTES_MAX */
    size_t position;
    bool overrun;
    enum decode_mode mode;
};

enum {
    REX_B = 1,
    REX_X = 2,
    REX_R = 4,
    REX_W = 8,
};

struct prefixes {
    uint8_t rex; /* 0x40..0x4f, or 0 */
    bool operand_size;
    bool address_size;
    bool lock;
    bool repeat;     /* F3 */
    bool repeat_not; /* F2 */
    bool segment_given;
    enum decode_segment segment;
};

struct modrm {
    bool is_register;
    uint8_t reg;       /* with REX.R */
    uint8_t rm;        /* with REX.B; meaningful if is_register */
    uint8_t extension; /* reg without REX.R: selects the operation in a group */
    struct decode_memory memory;
};

struct cursor cursor_make(const uint8_t *bytes, size_t count, enum decode_mode mode);
uint8_t cursor_byte(struct cursor *cursor);
int64_t cursor_signed(struct cursor *cursor, unsigned width);
/* OK, or the reason why the bytes read so far are no whole instruction. */
enum status cursor_status(const struct cursor *cursor, size_t given);

struct prefixes cursor_prefixes(struct cursor *cursor);
struct modrm cursor_modrm(struct cursor *cursor, const struct prefixes *prefixes);

uint8_t prefixes_operand_width(const struct prefixes *prefixes, enum decode_mode mode);
uint8_t prefixes_address_width(const struct prefixes *prefixes, enum decode_mode mode);
enum decode_segment prefixes_segment(const struct prefixes *prefixes, enum decode_segment otherwise);

#endif
