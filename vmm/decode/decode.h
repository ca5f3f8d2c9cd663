/* SPDX-License-Identifier: MIT */
/*
 * Decodes the x86 instructions that programs use to reach memory-mapped device registers.
 *
 * A nested page fault tells the monitor where a guest touched a device, not what it wanted to do there. The monitor
 * hands the instruction's bytes to decode_instruction(), which either describes the instruction completely (operation,
 * width, operands, effective address, length) or refuses it with ERR_UNSUPPORTED. It never guesses: exactly one operand
 * of what it accepts is memory (both are for MOVS), and prefixes that have no defined meaning there are refused.
 *
 * decode_intercepted() measures the instructions that a processor without next-RIP save intercepts: the exit says which
 * kind of instruction it was, the function checks that the bytes are one of that kind and tells length and operands.
 *
 * No allocation, no global state, no knowledge of kernel or devices. execute.h performs what was decoded.
 */
#ifndef VMM_DECODE_DECODE_H
#define VMM_DECODE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/status.h"

enum {
    DECODE_BYTES_MAX = 15,    /* the architecture's limit on an instruction */
    DECODE_NO_REGISTER = 255, /* in place of a base or index */
    DECODE_TEXT_SIZE = DECODE_BYTES_MAX * 3 + 1,
};

enum decode_mode {
    DECODE_LONG,        /* 64-bit code segment */
    DECODE_PROTECTED32, /* 32-bit code segment, compatibility mode included */
    DECODE_PROTECTED16, /* 16-bit code segment in protected mode */
    DECODE_REAL,        /* real and virtual-8086 mode */
};

/* Register numbers are the processor's: RAX 0, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 .. R15. */
enum { DECODE_RAX, DECODE_RCX, DECODE_RDX, DECODE_RBX, DECODE_RSP, DECODE_RBP, DECODE_RSI, DECODE_RDI };

enum decode_segment {
    DECODE_ES,
    DECODE_CS,
    DECODE_SS,
    DECODE_DS,
    DECODE_FS,
    DECODE_GS,
    DECODE_SEGMENT_COUNT
};

/* ADD to CMP and BT to BTC stand in the order of the encoding; those up to XADD, but CMP and BT, can be locked. */
enum decode_operation {
    DECODE_ADD,
    DECODE_OR,
    DECODE_ADC,
    DECODE_SBB,
    DECODE_AND,
    DECODE_SUB,
    DECODE_XOR,
    DECODE_CMP,
    DECODE_BT,
    DECODE_BTS,
    DECODE_BTR,
    DECODE_BTC,
    DECODE_XCHG,
    DECODE_INC,
    DECODE_DEC,
    DECODE_NOT,
    DECODE_NEG,
    DECODE_CMPXCHG, /* accumulator is implied */
    DECODE_XADD,
    DECODE_MOV,
    DECODE_MOVZX, /* destination is `extended_width` wide */
    DECODE_MOVSX, /* MOVSX and MOVSXD */
    DECODE_TEST,
    DECODE_MOVS, /* memory is the source at rSI; the destination is ES:rDI */
    DECODE_STOS, /* memory is the destination ES:rDI; source is the accumulator */
    DECODE_LODS, /* memory is the source at rSI; destination is the accumulator */
};

enum decode_operand_kind {
    DECODE_OPERAND_NONE,
    DECODE_OPERAND_REGISTER,
    DECODE_OPERAND_IMMEDIATE,
    DECODE_OPERAND_MEMORY
};

struct decode_operand {
    enum decode_operand_kind kind;
    uint8_t register_number;
    bool high_byte; /* AH, CH, DH or BH: bits 8..15 of register_number, which is then 0..3 */
};

/* Effective address: base + (index << scale_shift) + displacement, cut to address_width bytes, in `segment`. */
struct decode_memory {
    uint8_t base;
    uint8_t index;
    uint8_t scale_shift;
    uint8_t address_width;
    bool rip_relative; /* base is the address of the following instruction */
    enum decode_segment segment;
    int64_t displacement;
};

struct decoded_instruction {
    enum decode_operation operation;
    uint8_t length;
    uint8_t width;          /* bytes that memory is read or written with: 1, 2, 4, 8 */
    uint8_t extended_width; /* bytes of the register operand; differs from width for MOVZX and MOVSX only */
    bool lock;
    bool repeat; /* REP before a string operation */
    struct decode_operand destination;
    struct decode_operand source;
    struct decode_memory memory;
    uint64_t immediate; /* sign-extended to 64 bits; the bit number for BT to BTC */
};

/* What an exit said was intercepted; several instructions share a kind where exits do not tell them apart. */
enum decode_intercept {
    DECODE_INTERCEPT_CPUID,
    DECODE_INTERCEPT_RDMSR,
    DECODE_INTERCEPT_WRMSR,
    DECODE_INTERCEPT_HLT,
    DECODE_INTERCEPT_PAUSE,
    DECODE_INTERCEPT_XSETBV,
    DECODE_INTERCEPT_HYPERCALL, /* VMCALL and VMMCALL */
    DECODE_INTERCEPT_INVD,      /* and WBINVD, WBNOINVD */
    DECODE_INTERCEPT_MOV_CR,
    DECODE_INTERCEPT_IN_OUT,
    DECODE_INTERCEPT_INS_OUTS,
};

struct decoded_intercept {
    uint8_t length;
    uint8_t width;            /* bytes of data: MOV CR and port I/O */
    uint8_t address_width;    /* INS and OUTS: width of rSI, rDI and rCX */
    uint8_t general_register; /* MOV CR: the general register */
    uint8_t special_register; /* MOV CR: number of the control register */
    bool write;               /* to the control register or port */
    bool repeat;
    bool port_immediate; /* IN, OUT: port is `port`, otherwise DX */
    uint8_t port;
    enum decode_segment segment; /* OUTS: segment of the source */
};

/*
 * ERR_UNSUPPORTED: not an instruction described above, or one that the processor would refuse.
 * ERR_RANGE: the `count` bytes end in mid-instruction (count is below 15): fetch more.
 */
[[nodiscard]] enum status decode_instruction(const uint8_t *bytes, size_t count, enum decode_mode mode,
                                             struct decoded_instruction *out);

/* The same errors; ERR_UNSUPPORTED also if the bytes are another kind of instruction than the exit said. */
[[nodiscard]] enum status decode_intercepted(const uint8_t *bytes, size_t count, enum decode_mode mode,
                                             enum decode_intercept kind, struct decoded_intercept *out);

/* Length only. */
[[nodiscard]] enum status decode_length(const uint8_t *bytes, size_t count, enum decode_mode mode,
                                        enum decode_intercept kind, uint8_t *length);

/* Hexadecimal text of an instruction's bytes for messages: "0f 01 d0". `text` holds DECODE_TEXT_SIZE bytes. */
void decode_bytes_text(const uint8_t *bytes, size_t count, char *text);

#endif
