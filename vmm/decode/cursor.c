/* SPDX-License-Identifier: MIT */
/*
 * Prefixes, ModRM, SIB and displacements, as every x86 instruction shares them. See cursor.h.
 */
#include "vmm/decode/cursor.h"

struct cursor cursor_make(const uint8_t *bytes, size_t count, enum decode_mode mode)
{
    size_t usable = count < DECODE_BYTES_MAX ? count : DECODE_BYTES_MAX;
    return (struct cursor){.bytes = bytes, .count = usable, .mode = mode};
}

uint8_t cursor_byte(struct cursor *cursor)
{
    if (cursor->position >= cursor->count) {
        cursor->overrun = true;
        return 0;
    }
    return cursor->bytes[cursor->position++];
}

int64_t cursor_signed(struct cursor *cursor, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)cursor_byte(cursor) << (8 * i);
    unsigned unused = 64 - 8 * width;
    return width == 0 ? 0 : (int64_t)(value << unused) >> unused;
}

enum status cursor_status(const struct cursor *cursor, size_t given)
{
    if (!cursor->overrun)
        return OK;
    return given < DECODE_BYTES_MAX ? ERR_RANGE : ERR_UNSUPPORTED;
}

/* In 64-bit code the ES, CS, SS and DS overrides do nothing, not even to an FS or GS before them. */
static void prefix_segment(struct prefixes *prefixes, enum decode_mode mode, enum decode_segment segment)
{
    if (mode == DECODE_LONG && segment < DECODE_FS)
        return;
    prefixes->segment_given = true;
    prefixes->segment = segment;
}

static bool prefix_accept(struct prefixes *prefixes, enum decode_mode mode, uint8_t byte)
{
    switch (byte) {
    case 0x26: prefix_segment(prefixes, mode, DECODE_ES); return true;
    case 0x2e: prefix_segment(prefixes, mode, DECODE_CS); return true;
    case 0x36: prefix_segment(prefixes, mode, DECODE_SS); return true;
    case 0x3e: prefix_segment(prefixes, mode, DECODE_DS); return true;
    case 0x64: prefix_segment(prefixes, mode, DECODE_FS); return true;
    case 0x65: prefix_segment(prefixes, mode, DECODE_GS); return true;
    case 0x66: prefixes->operand_size = true; return true;
    case 0x67: prefixes->address_size = true; return true;
    case 0xf0: prefixes->lock = true; return true;
    case 0xf2: prefixes->repeat_not = true; return true;
    case 0xf3: prefixes->repeat = true; return true;
    default: return false;
    }
}

/* A REX prefix counts only if the opcode follows it at once. */
struct prefixes cursor_prefixes(struct cursor *cursor)
{
    struct prefixes prefixes = {0};
    while (cursor->position < cursor->count) {
        uint8_t byte = cursor->bytes[cursor->position];
        if (cursor->mode == DECODE_LONG && (byte & 0xf0) == 0x40)
            prefixes.rex = byte;
        else if (prefix_accept(&prefixes, cursor->mode, byte))
            prefixes.rex = 0;
        else
            break;
        cursor->position++;
    }
    return prefixes;
}

uint8_t prefixes_operand_width(const struct prefixes *prefixes, enum decode_mode mode)
{
    if (prefixes->rex & REX_W)
        return 8;
    bool wide = mode == DECODE_LONG || mode == DECODE_PROTECTED32;
    return wide != prefixes->operand_size ? 4 : 2;
}

uint8_t prefixes_address_width(const struct prefixes *prefixes, enum decode_mode mode)
{
    if (mode == DECODE_LONG)
        return prefixes->address_size ? 4 : 8;
    return (mode == DECODE_PROTECTED32) != prefixes->address_size ? 4 : 2;
}

enum decode_segment prefixes_segment(const struct prefixes *prefixes, enum decode_segment otherwise)
{
    return prefixes->segment_given ? prefixes->segment : otherwise;
}

/* The eight register pairs of 16-bit addressing. */
static void memory_16(struct cursor *cursor, unsigned mod, unsigned rm, struct decode_memory *memory)
{
    static const uint8_t base[8] = {DECODE_RBX, DECODE_RBX, DECODE_RBP, DECODE_RBP,
                                    DECODE_RSI, DECODE_RDI, DECODE_RBP, DECODE_RBX};
    static const uint8_t index[8] = {DECODE_RSI,         DECODE_RDI,         DECODE_RSI,
                                     DECODE_RDI,         DECODE_NO_REGISTER, DECODE_NO_REGISTER,
                                     DECODE_NO_REGISTER, DECODE_NO_REGISTER};
    if (mod == 0 && rm == 6) {
        memory->displacement = cursor_signed(cursor, 2);
        return;
    }
    memory->base = base[rm];
    memory->index = index[rm];
    memory->displacement = cursor_signed(cursor, mod); /* mod 1 and 2 are the width */
}

static void memory_sib(struct cursor *cursor, uint8_t rex, unsigned mod, struct decode_memory *memory)
{
    uint8_t sib = cursor_byte(cursor);
    uint8_t index = (uint8_t)((sib >> 3 & 7) | (rex & REX_X ? 8 : 0));
    memory->scale_shift = sib >> 6;
    if (index != DECODE_RSP)
        memory->index = index;
    else
        memory->scale_shift = 0;
    if (mod == 0 && (sib & 7) == DECODE_RBP)
        memory->displacement = cursor_signed(cursor, 4);
    else
        memory->base = (uint8_t)((sib & 7) | (rex & REX_B ? 8 : 0));
}

static void memory_32(struct cursor *cursor, uint8_t rex, unsigned mod, unsigned rm,
                      struct decode_memory *memory)
{
    if (rm == DECODE_RSP) {
        memory_sib(cursor, rex, mod, memory);
    } else if (mod == 0 && rm == DECODE_RBP) {
        memory->rip_relative = cursor->mode == DECODE_LONG;
        memory->displacement = cursor_signed(cursor, 4);
    } else {
        memory->base = (uint8_t)(rm | (rex & REX_B ? 8 : 0));
    }
    if (mod != 0)
        memory->displacement = cursor_signed(cursor, mod == 1 ? 1 : 4);
}

struct modrm cursor_modrm(struct cursor *cursor, const struct prefixes *prefixes)
{
    uint8_t byte = cursor_byte(cursor);
    unsigned mod = byte >> 6, rm = byte & 7;
    struct modrm modrm = {
        .is_register = mod == 3,
        .extension = byte >> 3 & 7,
        .reg = (uint8_t)((byte >> 3 & 7) | (prefixes->rex & REX_R ? 8 : 0)),
        .rm = (uint8_t)(rm | (prefixes->rex & REX_B ? 8u : 0u)),
        .memory = {.base = DECODE_NO_REGISTER,
                   .index = DECODE_NO_REGISTER,
                   .address_width = prefixes_address_width(prefixes, cursor->mode)},
    };
    if (modrm.is_register)
        return modrm;
    if (modrm.memory.address_width == 2)
        memory_16(cursor, mod, rm, &modrm.memory);
    else
        memory_32(cursor, prefixes->rex, mod, rm, &modrm.memory);
    bool stack = modrm.memory.base == DECODE_RSP || modrm.memory.base == DECODE_RBP;
    modrm.memory.segment = prefixes_segment(prefixes, stack ? DECODE_SS : DECODE_DS);
    return modrm;
}
