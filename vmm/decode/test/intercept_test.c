/* SPDX-License-Identifier: MIT */
/*
 * Lengths of intercepted instructions, with Zydis as oracle for the length, in every mode and with odd prefixes.
 */
#include <Zydis/Zydis.h>

#include "test/check.h"
#include "vmm/decode/decode.h"

struct example {
    enum decode_intercept kind;
    uint8_t count;
    uint8_t bytes[8];
};

static const struct example examples[] = {
    {DECODE_INTERCEPT_CPUID, 2, {0x0f, 0xa2}},
    {DECODE_INTERCEPT_RDMSR, 2, {0x0f, 0x32}},
    {DECODE_INTERCEPT_WRMSR, 2, {0x0f, 0x30}},
    {DECODE_INTERCEPT_HLT, 1, {0xf4}},
    {DECODE_INTERCEPT_PAUSE, 2, {0xf3, 0x90}},
    {DECODE_INTERCEPT_XSETBV, 3, {0x0f, 0x01, 0xd1}},
    {DECODE_INTERCEPT_HYPERCALL, 3, {0x0f, 0x01, 0xc1}},
    {DECODE_INTERCEPT_HYPERCALL, 3, {0x0f, 0x01, 0xd9}},
    {DECODE_INTERCEPT_INVD, 2, {0x0f, 0x08}},
    {DECODE_INTERCEPT_INVD, 2, {0x0f, 0x09}},
    {DECODE_INTERCEPT_INVD, 3, {0xf3, 0x0f, 0x09}},
    {DECODE_INTERCEPT_MOV_CR, 3, {0x0f, 0x22, 0xd8}},
    {DECODE_INTERCEPT_MOV_CR, 3, {0x0f, 0x20, 0xc3}},
    {DECODE_INTERCEPT_IN_OUT, 2, {0xe4, 0x60}},
    {DECODE_INTERCEPT_IN_OUT, 1, {0xec}},
    {DECODE_INTERCEPT_IN_OUT, 2, {0x66, 0xef}},
    {DECODE_INTERCEPT_INS_OUTS, 2, {0xf3, 0x6e}},
    {DECODE_INTERCEPT_INS_OUTS, 3, {0x66, 0xf3, 0x6d}},
};
enum { EXAMPLE_COUNT = sizeof examples / sizeof *examples };

static unsigned oracle_length(const uint8_t *bytes, enum decode_mode mode)
{
    static const ZydisMachineMode machine[] = {ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_MACHINE_MODE_LEGACY_32,
                                               ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_REAL_16};
    static const ZydisStackWidth stack[] = {ZYDIS_STACK_WIDTH_64, ZYDIS_STACK_WIDTH_32, ZYDIS_STACK_WIDTH_16,
                                            ZYDIS_STACK_WIDTH_16};
    ZydisDecoder decoder;
    ZydisDecodedInstruction instruction;
    ZydisDecoderInit(&decoder, machine[mode], stack[mode]);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, DECODE_BYTES_MAX, &instruction)))
        return 0;
    return instruction.length;
}

static void test_lengths(void)
{
    static const uint8_t prefix[] = {0, 0x2e, 0x67, 0x66, 0x48};
    CASE("lengths agree with Zydis");
    unsigned compared = 0;
    for (unsigned i = 0; i < EXAMPLE_COUNT * sizeof prefix * 4; i++) {
        const struct example *example = &examples[i / (sizeof prefix * 4)];
        uint8_t bytes[DECODE_BYTES_MAX] = {0}, length = 0, first = prefix[i / 4 % sizeof prefix];
        enum decode_mode mode = (enum decode_mode)(i % 4);
        if (first == 0x48 && (mode != DECODE_LONG || example->bytes[0] == 0xf3 || example->bytes[0] == 0x66))
            continue;
        bytes[0] = first;
        memcpy(bytes + (first != 0), example->bytes, example->count);
        unsigned oracle = oracle_length(bytes, mode);
        if (oracle == 0)
            continue; /* the processor would refuse it: no exit */
        CHECK_EQ(decode_length(bytes, sizeof bytes, mode, example->kind, &length), OK);
        CHECK_EQ(length, oracle);
        compared++;
    }
    CHECK(compared > 200);
}

static void test_mismatches(void)
{
    CASE("every instruction is refused as any other kind");
    for (unsigned i = 0; i < EXAMPLE_COUNT; i++) {
        for (unsigned j = 0; j < EXAMPLE_COUNT; j++) {
            uint8_t bytes[DECODE_BYTES_MAX] = {0}, length = 77;
            bool same = examples[i].kind == examples[j].kind;
            memcpy(bytes, examples[i].bytes, examples[i].count);
            enum status status = decode_length(bytes, sizeof bytes, DECODE_LONG, examples[j].kind, &length);
            CHECK_EQ(status, same ? OK : ERR_UNSUPPORTED);
            CHECK(same || length == 77);
        }
    }
    CASE("truncated bytes ask for more");
    for (unsigned i = 0; i < EXAMPLE_COUNT; i++) {
        for (uint8_t count = 0; count < examples[i].count; count++) {
            uint8_t length = 0;
            CHECK_EQ(decode_length(examples[i].bytes, count, DECODE_LONG, examples[i].kind, &length),
                     ERR_RANGE);
        }
    }
}

static struct decoded_intercept decode(enum decode_mode mode, enum decode_intercept kind,
                                       const uint8_t *bytes)
{
    struct decoded_intercept out = {0};
    uint8_t padded[DECODE_BYTES_MAX] = {0};
    memcpy(padded, bytes, 6);
    CHECK_EQ(decode_intercepted(padded, sizeof padded, mode, kind, &out), OK);
    return out;
}

static void test_operands(void)
{
    CASE("MOV to CR8 from R9");
    struct decoded_intercept out =
        decode(DECODE_LONG, DECODE_INTERCEPT_MOV_CR, (const uint8_t[6]){0x45, 0x0f, 0x22, 0xc1});
    CHECK_EQ(out.special_register, 8);
    CHECK_EQ(out.general_register, 9);
    CHECK(out.write);
    CHECK_EQ(out.width, 8);

    CASE("OUTSW with FS and 32-bit addresses");
    out = decode(DECODE_LONG, DECODE_INTERCEPT_INS_OUTS, (const uint8_t[6]){0x64, 0x67, 0x66, 0xf3, 0x6f});
    CHECK_EQ(out.segment, DECODE_FS);
    CHECK_EQ(out.width, 2);
    CHECK_EQ(out.address_width, 4);
    CHECK(out.repeat && out.write);

    CASE("IN EAX, 0x64 in 64-bit and real mode");
    out = decode(DECODE_LONG, DECODE_INTERCEPT_IN_OUT, (const uint8_t[6]){0xe5, 0x64});
    CHECK_EQ(out.width, 4);
    CHECK_EQ(out.port, 0x64);
    CHECK(out.port_immediate && !out.write);
    out = decode(DECODE_REAL, DECODE_INTERCEPT_IN_OUT, (const uint8_t[6]){0xe5, 0x64});
    CHECK_EQ(out.width, 2);
}

int main(void)
{
    test_lengths();
    test_mismatches();
    test_operands();
    return check_finish();
}
