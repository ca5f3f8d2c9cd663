/* SPDX-License-Identifier: MIT */
/*
 * Lengths and operands of intercepted instructions. The processor executed the instruction up to its intercept, so it is
 * a valid one: only its kind is checked here, and prefixes without effect are skipped.
 */
#include "vmm/decode/cursor.h"

struct pattern {
    uint8_t kind;      /* enum decode_intercept */
    uint8_t bytes;     /* how many of `opcode` count */
    uint8_t opcode[3]; /* after the prefixes */
};

/* Instructions that are nothing but opcode. PAUSE is NOP with F3; the exit vouches for the prefix. */
static const struct pattern plain[] = {
    {DECODE_INTERCEPT_CPUID, 2, {0x0f, 0xa2}},
    {DECODE_INTERCEPT_RDMSR, 2, {0x0f, 0x32}},
    {DECODE_INTERCEPT_WRMSR, 2, {0x0f, 0x30}},
    {DECODE_INTERCEPT_HLT, 1, {0xf4}},
    {DECODE_INTERCEPT_PAUSE, 1, {0x90}},
    {DECODE_INTERCEPT_XSETBV, 3, {0x0f, 0x01, 0xd1}},
    {DECODE_INTERCEPT_HYPERCALL, 3, {0x0f, 0x01, 0xc1}},
    {DECODE_INTERCEPT_HYPERCALL, 3, {0x0f, 0x01, 0xd9}},
    {DECODE_INTERCEPT_INVD, 2, {0x0f, 0x08}},
    {DECODE_INTERCEPT_INVD, 2, {0x0f, 0x09}},
};

static bool pattern_matches(const struct pattern *pattern, const struct cursor *cursor)
{
    for (unsigned i = 0; i < pattern->bytes; i++) {
        if (cursor->position + i >= cursor->count ||
            cursor->bytes[cursor->position + i] != pattern->opcode[i])
            return false;
    }
    return true;
}

static bool intercept_plain(struct cursor *cursor, enum decode_intercept kind, bool *known)
{
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (plain[i].kind != kind)
            continue;
        *known = true;
        if (pattern_matches(&plain[i], cursor)) {
            cursor->position += plain[i].bytes;
            return true;
        }
    }
    return false;
}

/* 0F 20 and 0F 22. ModRM names two registers whatever its mod bits say. LOCK adds 8 on AMD: LOCK MOV CR0 is CR8. */
static bool intercept_special(struct cursor *cursor, const struct prefixes *prefixes,
                              struct decoded_intercept *out)
{
    if (cursor_byte(cursor) != 0x0f)
        return cursor->overrun;
    uint8_t opcode = cursor_byte(cursor);
    uint8_t modrm = cursor_byte(cursor);
    out->write = opcode & 2;
    out->width = cursor->mode == DECODE_LONG ? 8 : 4;
    out->general_register = (uint8_t)((modrm & 7) | (prefixes->rex & REX_B ? 8 : 0));
    out->special_register = (uint8_t)((modrm >> 3 & 7) | (prefixes->rex & REX_R ? 8 : 0));
    if (prefixes->lock)
        out->special_register |= 8;
    return cursor->overrun || (opcode & 0xfd) == 0x20;
}

static uint8_t port_width(const struct cursor *cursor, const struct prefixes *prefixes, uint8_t opcode)
{
    if (!(opcode & 1))
        return 1;
    uint8_t width = prefixes_operand_width(prefixes, cursor->mode);
    return width == 8 ? 4 : width; /* there is no 64-bit port access */
}

/* E4..E7 with an immediate port, EC..EF with DX. Bit 1 tells the direction. */
static bool intercept_port(struct cursor *cursor, const struct prefixes *prefixes,
                           struct decoded_intercept *out)
{
    uint8_t opcode = cursor_byte(cursor);
    out->write = opcode & 2;
    out->width = port_width(cursor, prefixes, opcode);
    out->port_immediate = !(opcode & 8);
    if (out->port_immediate)
        out->port = cursor_byte(cursor);
    return cursor->overrun || (opcode & 0xf4) == 0xe4;
}

/* 6C..6F. */
static bool intercept_port_string(struct cursor *cursor, const struct prefixes *prefixes,
                                  struct decoded_intercept *out)
{
    uint8_t opcode = cursor_byte(cursor);
    out->write = opcode & 2;
    out->width = port_width(cursor, prefixes, opcode);
    out->address_width = prefixes_address_width(prefixes, cursor->mode);
    out->repeat = prefixes->repeat || prefixes->repeat_not;
    out->segment = out->write ? prefixes_segment(prefixes, DECODE_DS) : DECODE_ES;
    return cursor->overrun || (opcode & 0xfc) == 0x6c;
}

static bool intercept_match(struct cursor *cursor, const struct prefixes *prefixes,
                            enum decode_intercept kind, struct decoded_intercept *out)
{
    switch (kind) {
    case DECODE_INTERCEPT_MOV_CR: return intercept_special(cursor, prefixes, out);
    case DECODE_INTERCEPT_IN_OUT: return intercept_port(cursor, prefixes, out);
    case DECODE_INTERCEPT_INS_OUTS: return intercept_port_string(cursor, prefixes, out);
    default: break;
    }
    bool known = false;
    if (intercept_plain(cursor, kind, &known))
        return true;
    cursor->overrun = known && cursor->position + 3 > cursor->count;
    return cursor->overrun;
}

enum status decode_intercepted(const uint8_t *bytes, size_t count, enum decode_mode mode,
                               enum decode_intercept kind, struct decoded_intercept *out)
{
    struct cursor cursor = cursor_make(bytes, count, mode);
    struct prefixes prefixes = cursor_prefixes(&cursor);
    struct decoded_intercept decoded = {.address_width = prefixes_address_width(&prefixes, mode)};
    if (!intercept_match(&cursor, &prefixes, kind, &decoded))
        return ERR_UNSUPPORTED;
    if (cursor.overrun)
        return cursor_status(&cursor, count);
    decoded.length = (uint8_t)cursor.position;
    *out = decoded;
    return OK;
}

enum status decode_length(const uint8_t *bytes, size_t count, enum decode_mode mode,
                          enum decode_intercept kind, uint8_t *length)
{
    struct decoded_intercept decoded;
    enum status status = decode_intercepted(bytes, count, mode, kind, &decoded);
    if (status == OK)
        *length = decoded.length;
    return status;
}
