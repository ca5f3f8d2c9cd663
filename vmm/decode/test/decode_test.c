/* SPDX-License-Identifier: MIT */
/*
 * The decoder against Zydis: on random encodings, whatever we accept must mean the same to Zydis, and whatever Zydis
 * finds that decode.h promises must be accepted; the same on the code of a real program (busybox).
 */
#include <elf.h>

#include "test/check.h"
#include "vmm/decode/test/zydis_compare.h"

#define TRIES 250000ull /* in each of the four modes */

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1d >> 16;
}

struct tally {
    unsigned accepted;
    unsigned promised;
    unsigned wrong;
    unsigned missed;
};

static void report(const char *what, const char *why, const uint8_t *bytes, enum decode_mode mode)
{
    char text[DECODE_TEXT_SIZE];
    decode_bytes_text(bytes, DECODE_BYTES_MAX, text);
    printf("     %s (%s) in mode %d: %s\n", what, why, (int)mode, text);
}

/* Prefixes that are refused on purpose though Zydis takes them: REPNE, and REP on what is no string operation. */
static bool refused_on_purpose(const struct oracle *oracle)
{
    bool repeat = false, operand_size = false;
    for (unsigned i = 0; i < oracle->instruction.raw.prefix_count; i++) {
        uint8_t value = oracle->instruction.raw.prefixes[i].value;
        repeat |=
            value == 0xf2 || (value == 0xf3 && !(oracle->instruction.attributes & ZYDIS_ATTRIB_HAS_REP));
        operand_size |= value == 0x66;
    }
    bool alias = oracle->instruction.raw.modrm.reg == 1 &&
                 oracle->instruction.mnemonic == ZYDIS_MNEMONIC_TEST &&
                 (oracle->instruction.opcode | 1) == 0xf7; /* undocumented alias of /0 */
    bool alias82 = oracle->instruction.opcode == 0x82;
    return repeat || alias || alias82 ||
           (operand_size && oracle->instruction.mnemonic == ZYDIS_MNEMONIC_MOVSXD);
}

static void compare(const uint8_t *bytes, enum decode_mode mode, struct tally *tally)
{
    struct decoded_instruction ours;
    struct oracle oracle;
    oracle_decode(bytes, DECODE_BYTES_MAX, mode, &oracle);
    bool promised = oracle_promised(&oracle) && !refused_on_purpose(&oracle);
    tally->promised += promised;
    if (decode_instruction(bytes, DECODE_BYTES_MAX, mode, &ours) != OK) {
        tally->missed += promised;
        if (promised && tally->missed < 10)
            report("missed", ZydisMnemonicGetString(oracle.instruction.mnemonic), bytes, mode);
        return;
    }
    const char *difference = oracle_disagreement(&oracle, &ours);
    tally->accepted++;
    tally->wrong += difference != NULL;
    if (difference && tally->wrong < 10)
        report("wrong", difference, bytes, mode);
}

/* Few prefixes, then one of the opcodes in question (or any), then anything. */
static void random_instruction(uint8_t *bytes, enum decode_mode mode)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0xf0, 0xf3, 0xf2, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65};
    static const uint8_t opcodes[] = {0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1, 0xa2, 0xa3, 0xc6, 0xc7,
                                      0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad, 0x80, 0x81, 0x83, 0x84,
                                      0x85, 0x86, 0x87, 0xf6, 0xf7, 0xfe, 0xff, 0x63};
    static const uint8_t escaped[] = {0xb0, 0xb1, 0xb6, 0xb7, 0xba, 0xbe, 0xbf, 0xc0, 0xc1, 0xc3};
    unsigned at = 0;
    for (unsigned i = 0; i < DECODE_BYTES_MAX; i++)
        bytes[i] = (uint8_t)random_next();
    for (uint64_t i = random_next() % 8; i > 4; i--)
        bytes[at++] = prefixes[random_next() % sizeof prefixes];
    if (mode == DECODE_LONG && random_next() % 2)
        bytes[at++] = 0x40 | (random_next() & 15);
    uint64_t choice = random_next() % 8;
    if (choice < 4) {
        bytes[at] = opcodes[random_next() % sizeof opcodes];
    } else if (choice < 6) {
        bytes[at++] = 0x0f;
        bytes[at] = escaped[random_next() % sizeof escaped];
    } else if (choice == 6) {
        bytes[at] = random_next() & 0x3b; /* ADD to CMP */
    }
}

/* LONG=50 in the environment: fifty times as many. */
static uint64_t long_factor(void)
{
    const char *factor = getenv("LONG");

    return factor && atoi(factor) > 0 ? (uint64_t)atoi(factor) : 1;
}

static void test_random(enum decode_mode mode, const char *name)
{
    struct tally tally = {0};
    uint8_t bytes[DECODE_BYTES_MAX];
    CASE(name);
    uint64_t tries = TRIES * long_factor();

    for (uint64_t i = 0; i < tries; i++) {
        random_instruction(bytes, mode);
        compare(bytes, mode, &tally);
    }
    printf("     %s: %u accepted of %u promised, %lu tried\n", name, tally.accepted, tally.promised,
           (unsigned long)tries);
    CHECK_EQ(tally.wrong, 0);
    CHECK_EQ(tally.missed, 0);
    CHECK(tally.accepted > 30000);
}

static uint8_t *file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*size);
    if (data && fread(data, 1, *size, file) != *size) {
        free(data);
        data = NULL;
    }
    fclose(file);
    return data;
}

/* The executable segment of an ELF file, swept linearly by Zydis. */
static void sweep(const uint8_t *image, size_t image_size, struct tally *tally)
{
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
    const Elf64_Phdr *segments = (const Elf64_Phdr *)(image + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++) {
        if (segments[i].p_type != PT_LOAD || !(segments[i].p_flags & PF_X))
            continue;
        size_t end = segments[i].p_offset + segments[i].p_filesz;
        if (end > image_size)
            return;
        for (size_t at = segments[i].p_offset; at + DECODE_BYTES_MAX <= end;) {
            struct oracle oracle;
            oracle_decode(image + at, DECODE_BYTES_MAX, DECODE_LONG, &oracle);
            compare(image + at, DECODE_LONG, tally);
            at += oracle.valid ? oracle.instruction.length : 1;
        }
    }
}

static void test_real(void)
{
    static const char *const paths[] = {"/bin/busybox", "/bin/bash", "/proc/self/exe"};
    struct tally tally = {0};
    CASE("instructions of a real program");
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
        size_t size = 0;
        uint8_t *image = file_read(paths[i], &size);
        if (image)
            sweep(image, size, &tally);
        free(image);
    }
    printf("     real code: %u accepted of %u promised\n", tally.accepted, tally.promised);
    CHECK_EQ(tally.wrong, 0);
    CHECK_EQ(tally.missed, 0);
    CHECK(tally.accepted > 10000);
}

static void test_examples(void)
{
    struct decoded_instruction out;
    CASE("movzwl 0x10(%rdi,%r9,4),%r10d");
    const uint8_t movzx[] = {0x46, 0x0f, 0xb7, 0x54, 0x8f, 0x10};
    REQUIRE(decode_instruction(movzx, sizeof movzx, DECODE_LONG, &out) == OK);
    CHECK_EQ(out.operation, DECODE_MOVZX);
    CHECK_EQ(out.length, 6);
    CHECK_EQ(out.width, 2);
    CHECK_EQ(out.extended_width, 4);
    CHECK_EQ(out.destination.register_number, 10);
    CHECK_EQ(out.memory.base, DECODE_RDI);
    CHECK_EQ(out.memory.index, 9);
    CHECK_EQ(out.memory.scale_shift, 2);
    CHECK_EQ(out.memory.displacement, 16);

    CASE("a high-byte register");
    const uint8_t high[] = {0x88, 0x27}; /* mov %ah,(%rdi) */
    REQUIRE(decode_instruction(high, sizeof high, DECODE_LONG, &out) == OK);
    CHECK(out.source.high_byte);
    CHECK_EQ(out.source.register_number, 0);

    CASE("every truncation asks for more bytes and touches nothing");
    const uint8_t whole[] = {0x65, 0x48, 0x81, 0x84, 0x24, 0x78, 0x56, 0x34, 0x12, 0x11, 0x22, 0x33, 0x44};
    REQUIRE(decode_instruction(whole, sizeof whole, DECODE_LONG, &out) == OK);
    CHECK_EQ(out.length, sizeof whole);
    out.length = 99;
    for (size_t count = 0; count < sizeof whole; count++)
        CHECK_EQ(decode_instruction(whole, count, DECODE_LONG, &out), ERR_RANGE);
    CHECK_EQ(out.length, 99);
}

static void test_refusals(void)
{
    struct decoded_instruction out;
    CASE("prefixes without end");
    uint8_t prefixes[DECODE_BYTES_MAX];
    memset(prefixes, 0x66, sizeof prefixes);
    CHECK_EQ(decode_instruction(prefixes, sizeof prefixes, DECODE_LONG, &out), ERR_UNSUPPORTED);
    CHECK_EQ(decode_instruction(prefixes, sizeof prefixes - 1, DECODE_LONG, &out), ERR_RANGE);

    CASE("what is no memory access, or not ours");
    static const uint8_t refused[][4] = {
        {0x89, 0xc8},             /* mov %ecx,%eax */
        {0x0f, 0x28, 0x00},       /* movaps */
        {0xf0, 0x89, 0x08},       /* lock mov */
        {0x0f, 0xba, 0x08, 0x01}, /* 0f ba /1 */
        {0xc7, 0x48, 0x00, 0x00}, /* c7 /1 */
        {0xff, 0x30},             /* push (%rax) */
    };
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++)
        CHECK_EQ(decode_instruction(refused[i], 4, DECODE_LONG, &out), ERR_UNSUPPORTED);
    CHECK_EQ(decode_instruction((const uint8_t[]){0x63, 0x08}, 2, DECODE_PROTECTED32, &out), ERR_UNSUPPORTED);

    CASE("bytes as text");
    char text[DECODE_TEXT_SIZE];
    decode_bytes_text(refused[1], 3, text);
    CHECK_STR(text, "0f 28 00");
}

int main(void)
{
    test_examples();
    test_refusals();
    test_random(DECODE_LONG, "random encodings, 64-bit");
    test_random(DECODE_PROTECTED32, "random encodings, 32-bit");
    test_random(DECODE_PROTECTED16, "random encodings, 16-bit");
    test_random(DECODE_REAL, "random encodings, real mode");
    test_real();
    return check_finish();
}
