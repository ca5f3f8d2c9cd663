/* SPDX-License-Identifier: MIT */
/*
 * The opcodes, as two tables (one-byte, and two-byte after 0F) of recipes. A recipe says what the instruction does and
 * how its operands are encoded; opcode groups, where the ModRM byte selects the operation, are refined by recipe_refine().
 * An opcode without a recipe is unsupported.
 */
#include "vmm/decode/cursor.h"

enum form {
    FORM_NONE,
    FORM_MEMORY_REGISTER,  /* r/m is the destination, reg the source */
    FORM_REGISTER_MEMORY,  /* the other way round */
    FORM_MEMORY_IMMEDIATE, /* immediate as wide as the operand, at most 4 bytes */
    FORM_MEMORY_IMMEDIATE8,
    FORM_MEMORY, /* one operand */
    FORM_LOAD_OFFSET,
    FORM_STORE_OFFSET,
    FORM_STRING,
};

enum group {
    GROUP_NONE,
    GROUP_ARITHMETIC, /* 80, 81, 83 */
    GROUP_UNARY,      /* F6, F7 */
    GROUP_INCREMENT,  /* FE, FF */
    GROUP_MOVE,       /* C6, C7 */
    GROUP_BIT,        /* 0F BA */
};

/* Widths of the memory operand. */
enum {
    WIDTH_OPERAND = 0, /* what prefixes and mode say */
    WIDTH_DWORD_UP,    /* the same, but 66 makes another instruction of it */
    WIDTH_BYTE,
    WIDTH_WORD,
    WIDTH_DWORD,
};

struct recipe {
    uint8_t operation; /* enum decode_operation */
    uint8_t form;
    uint8_t width;
    uint8_t group;
};

#define BOTH_WIDTHS(opcode, operation, form, group) \
    [opcode] = {operation, form, WIDTH_BYTE, group}, [(opcode) + 1] = {operation, form, WIDTH_OPERAND, group}
#define ARITHMETIC(opcode, operation)                                 \
    BOTH_WIDTHS(opcode, operation, FORM_MEMORY_REGISTER, GROUP_NONE), \
        BOTH_WIDTHS((opcode) + 2, operation, FORM_REGISTER_MEMORY, GROUP_NONE)

static const struct recipe one_byte[256] = {
    ARITHMETIC(0x00, DECODE_ADD),
    ARITHMETIC(0x08, DECODE_OR),
    ARITHMETIC(0x10, DECODE_ADC),
    ARITHMETIC(0x18, DECODE_SBB),
    ARITHMETIC(0x20, DECODE_AND),
    ARITHMETIC(0x28, DECODE_SUB),
    ARITHMETIC(0x30, DECODE_XOR),
    ARITHMETIC(0x38, DECODE_CMP),
    [0x63] = {DECODE_MOVSX, FORM_REGISTER_MEMORY, WIDTH_DWORD, GROUP_NONE}, /* MOVSXD, in 64-bit code only */
    BOTH_WIDTHS(0x80, DECODE_ADD, FORM_MEMORY_IMMEDIATE, GROUP_ARITHMETIC),
    [0x83] = {DECODE_ADD, FORM_MEMORY_IMMEDIATE8, WIDTH_OPERAND, GROUP_ARITHMETIC},
    BOTH_WIDTHS(0x84, DECODE_TEST, FORM_MEMORY_REGISTER, GROUP_NONE),
    BOTH_WIDTHS(0x86, DECODE_XCHG, FORM_MEMORY_REGISTER, GROUP_NONE),
    BOTH_WIDTHS(0x88, DECODE_MOV, FORM_MEMORY_REGISTER, GROUP_NONE),
    BOTH_WIDTHS(0x8a, DECODE_MOV, FORM_REGISTER_MEMORY, GROUP_NONE),
    BOTH_WIDTHS(0xa0, DECODE_MOV, FORM_LOAD_OFFSET, GROUP_NONE),
    BOTH_WIDTHS(0xa2, DECODE_MOV, FORM_STORE_OFFSET, GROUP_NONE),
    BOTH_WIDTHS(0xa4, DECODE_MOVS, FORM_STRING, GROUP_NONE),
    BOTH_WIDTHS(0xaa, DECODE_STOS, FORM_STRING, GROUP_NONE),
    BOTH_WIDTHS(0xac, DECODE_LODS, FORM_STRING, GROUP_NONE),
    BOTH_WIDTHS(0xc6, DECODE_MOV, FORM_MEMORY_IMMEDIATE, GROUP_MOVE),
    BOTH_WIDTHS(0xf6, DECODE_TEST, FORM_MEMORY, GROUP_UNARY),
    BOTH_WIDTHS(0xfe, DECODE_INC, FORM_MEMORY, GROUP_INCREMENT),
};

static const struct recipe two_byte[256] = {
    BOTH_WIDTHS(0xb0, DECODE_CMPXCHG, FORM_MEMORY_REGISTER, GROUP_NONE),
    [0xb6] = {DECODE_MOVZX, FORM_REGISTER_MEMORY, WIDTH_BYTE, GROUP_NONE},
    [0xb7] = {DECODE_MOVZX, FORM_REGISTER_MEMORY, WIDTH_WORD, GROUP_NONE},
    [0xba] = {DECODE_BT, FORM_MEMORY_IMMEDIATE8, WIDTH_OPERAND, GROUP_BIT},
    [0xbe] = {DECODE_MOVSX, FORM_REGISTER_MEMORY, WIDTH_BYTE, GROUP_NONE},
    [0xbf] = {DECODE_MOVSX, FORM_REGISTER_MEMORY, WIDTH_WORD, GROUP_NONE},
    BOTH_WIDTHS(0xc0, DECODE_XADD, FORM_MEMORY_REGISTER, GROUP_NONE),
    [0xc3] = {DECODE_MOV, FORM_MEMORY_REGISTER, WIDTH_DWORD_UP, GROUP_NONE}, /* MOVNTI */
};

/* Replaces a group's recipe by that of the operation which `extension` selects; false if none is supported. */
static bool recipe_refine(struct recipe *recipe, unsigned extension)
{
    switch (recipe->group) {
    case GROUP_ARITHMETIC: recipe->operation = (uint8_t)(DECODE_ADD + extension); return true;
    case GROUP_MOVE: return extension == 0;
    case GROUP_BIT: recipe->operation = (uint8_t)(DECODE_BT + extension - 4); return extension >= 4;
    case GROUP_INCREMENT: recipe->operation = extension ? DECODE_DEC : DECODE_INC; return extension <= 1;
    case GROUP_UNARY:
        if (extension == 0)
            recipe->form = FORM_MEMORY_IMMEDIATE;
        else
            recipe->operation = extension == 2 ? DECODE_NOT : DECODE_NEG;
        return extension == 0 || extension == 2 || extension == 3;
    default: return true;
    }
}

static struct decode_operand operand_memory(void)
{
    return (struct decode_operand){.kind = DECODE_OPERAND_MEMORY};
}

/* Byte registers 4 to 7 are AH, CH, DH and BH unless a REX prefix is there. */
static struct decode_operand operand_register(uint8_t number, uint8_t width, uint8_t rex)
{
    bool high = width == 1 && !rex && number >= 4;
    return (struct decode_operand){
        .kind = DECODE_OPERAND_REGISTER,
        .register_number = high ? (uint8_t)(number - 4) : number,
        .high_byte = high,
    };
}

static uint8_t memory_width(uint8_t recipe_width, uint8_t operand_width)
{
    switch (recipe_width) {
    case WIDTH_BYTE: return 1;
    case WIDTH_WORD: return 2;
    case WIDTH_DWORD: return 4;
    default: return operand_width;
    }
}

static enum status decode_modrm_form(struct cursor *cursor, const struct prefixes *prefixes,
                                     struct recipe recipe, struct decoded_instruction *out)
{
    struct modrm modrm = cursor_modrm(cursor, prefixes);
    if (!recipe_refine(&recipe, modrm.extension) || modrm.is_register)
        return ERR_UNSUPPORTED;
    out->operation = recipe.operation;
    out->memory = modrm.memory;
    struct decode_operand reg = operand_register(modrm.reg, out->extended_width, prefixes->rex);

    switch (recipe.form) {
    case FORM_MEMORY_REGISTER:
        out->destination = operand_memory();
        out->source = reg;
        break;
    case FORM_REGISTER_MEMORY:
        out->destination = reg;
        out->source = operand_memory();
        break;
    case FORM_MEMORY_IMMEDIATE:
    case FORM_MEMORY_IMMEDIATE8:
        out->destination = operand_memory();
        out->source.kind = DECODE_OPERAND_IMMEDIATE;
        unsigned size = recipe.form == FORM_MEMORY_IMMEDIATE8 ? 1 : out->width < 4 ? out->width : 4;
        out->immediate = (uint64_t)cursor_signed(cursor, size);
        if (recipe.group == GROUP_BIT)
            out->immediate &= 0xff;
        break;
    default: out->destination = operand_memory(); break;
    }
    return OK;
}

static void decode_offset_form(struct cursor *cursor, const struct prefixes *prefixes, struct recipe recipe,
                               struct decoded_instruction *out)
{
    struct decode_operand accumulator = operand_register(DECODE_RAX, out->width, prefixes->rex);
    out->memory.segment = prefixes_segment(prefixes, DECODE_DS);
    int64_t offset = cursor_signed(cursor, out->memory.address_width);
    out->memory.displacement = out->memory.address_width == 4 ? (int64_t)(uint32_t)offset : offset;
    bool load = recipe.form == FORM_LOAD_OFFSET;
    out->destination = load ? accumulator : operand_memory();
    out->source = load ? operand_memory() : accumulator;
}

static void decode_string_form(const struct prefixes *prefixes, struct decoded_instruction *out)
{
    struct decode_operand accumulator = operand_register(DECODE_RAX, out->width, prefixes->rex);
    bool store = out->operation == DECODE_STOS;
    out->repeat = prefixes->repeat;
    out->memory.base = store ? DECODE_RDI : DECODE_RSI;
    out->memory.segment = store ? DECODE_ES : prefixes_segment(prefixes, DECODE_DS);
    out->destination = out->operation == DECODE_LODS ? accumulator : operand_memory();
    out->source = store ? accumulator : operand_memory();
}

static bool lock_allowed(const struct decoded_instruction *out)
{
    return out->destination.kind == DECODE_OPERAND_MEMORY && out->operation <= DECODE_XADD &&
           out->operation != DECODE_CMP && out->operation != DECODE_BT;
}

/* Whether the recipe exists and its prefixes have a defined meaning with it. */
static bool recipe_applies(const struct recipe *recipe, const struct prefixes *prefixes,
                           enum decode_mode mode)
{
    if (recipe->form == FORM_NONE || prefixes->repeat_not)
        return false;
    if (prefixes->repeat && recipe->form != FORM_STRING)
        return false;
    if (recipe->width == WIDTH_DWORD && (mode != DECODE_LONG || prefixes->operand_size))
        return false; /* ARPL, or the 16-bit MOVSXD that vendors disagree about */
    return recipe->width != WIDTH_DWORD_UP || !prefixes->operand_size;
}

enum status decode_instruction(const uint8_t *bytes, size_t count, enum decode_mode mode,
                               struct decoded_instruction *out)
{
    struct cursor cursor = cursor_make(bytes, count, mode);
    struct prefixes prefixes = cursor_prefixes(&cursor);
    uint8_t opcode = cursor_byte(&cursor);
    bool escaped = opcode == 0x0f;
    if (escaped)
        opcode = cursor_byte(&cursor);
    struct recipe recipe = escaped ? two_byte[opcode] : one_byte[opcode];
    if (cursor.overrun)
        return cursor_status(&cursor, count);
    if (!recipe_applies(&recipe, &prefixes, mode))
        return ERR_UNSUPPORTED;

    uint8_t operand_width = prefixes_operand_width(&prefixes, mode);
    if (recipe.width == WIDTH_DWORD_UP && operand_width == 2)
        operand_width = 4; /* MOVNTI has no 16-bit form, whatever the mode */
    bool extends = recipe.operation == DECODE_MOVZX || recipe.operation == DECODE_MOVSX;
    struct decoded_instruction decoded = {
        .operation = recipe.operation,
        .width = memory_width(recipe.width, operand_width),
        .lock = prefixes.lock,
        .memory = {.base = DECODE_NO_REGISTER,
                   .index = DECODE_NO_REGISTER,
                   .address_width = prefixes_address_width(&prefixes, mode)},
    };
    decoded.extended_width = extends ? operand_width : decoded.width;

    enum status status = OK;
    if (recipe.form == FORM_LOAD_OFFSET || recipe.form == FORM_STORE_OFFSET)
        decode_offset_form(&cursor, &prefixes, recipe, &decoded);
    else if (recipe.form == FORM_STRING)
        decode_string_form(&prefixes, &decoded);
    else
        status = decode_modrm_form(&cursor, &prefixes, recipe, &decoded);

    if (cursor.overrun)
        return cursor_status(&cursor, count);
    if (status != OK)
        return status;
    if (decoded.lock && !lock_allowed(&decoded))
        return ERR_UNSUPPORTED;
    decoded.length = (uint8_t)cursor.position;
    *out = decoded;
    return OK;
}

void decode_bytes_text(const uint8_t *bytes, size_t count, char *text)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = 0;
    for (size_t i = 0; i < count && i < DECODE_BYTES_MAX; i++) {
        if (i > 0)
            text[length++] = ' ';
        text[length++] = digits[bytes[i] >> 4];
        text[length++] = digits[bytes[i] & 15];
    }
    text[length] = '\0';
}
