/* SPDX-License-Identifier: MIT */
/*
 * The executor against the processor: random instructions are decoded and executed by us and, from the same registers
 * and memory, by the machine itself; registers, defined flags and memory must be equal afterwards.
 *
 * The generator makes 64-bit instructions whose address is base + disp8, base + index + disp8 or a string operation, and
 * chooses the base so that the access lands in the middle of a small arena. RSP is never used.
 */
#include <sys/mman.h>

#include "test/check.h"
#include "vmm/decode/execute.h"

enum { ARENA_SIZE = 4096, ARENA_MIDDLE = 2048 };

struct machine_state {
    uint64_t general[16];
    uint64_t rflags;
};

/* Loads the state, calls the code, and stores the state. One thread only: it keeps RDI and the code's address aside. */
void machine_run(struct machine_state *state, const void *code);
__asm__(".text\n"
        "machine_run:\n"
        "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "    mov %rdi, machine_state_kept(%rip)\n"
        "    mov %rsi, machine_code_kept(%rip)\n"
        "    pushq 128(%rdi)\n"
        "    mov 0(%rdi), %rax; mov 8(%rdi), %rcx; mov 16(%rdi), %rdx; mov 24(%rdi), %rbx\n"
        "    mov 40(%rdi), %rbp; mov 48(%rdi), %rsi; mov 64(%rdi), %r8; mov 72(%rdi), %r9\n"
        "    mov 80(%rdi), %r10; mov 88(%rdi), %r11; mov 96(%rdi), %r12; mov 104(%rdi), %r13\n"
        "    mov 112(%rdi), %r14; mov 120(%rdi), %r15; mov 56(%rdi), %rdi\n"
        "    popfq\n"
        "    call *machine_code_kept(%rip)\n"
        "    pushfq\n"
        "    mov %rdi, machine_rdi_kept(%rip)\n"
        "    mov machine_state_kept(%rip), %rdi\n"
        "    popq 128(%rdi)\n"
        "    cld\n"
        "    mov %rax, 0(%rdi); mov %rcx, 8(%rdi); mov %rdx, 16(%rdi); mov %rbx, 24(%rdi)\n"
        "    mov %rbp, 40(%rdi); mov %rsi, 48(%rdi); mov %r8, 64(%rdi); mov %r9, 72(%rdi)\n"
        "    mov %r10, 80(%rdi); mov %r11, 88(%rdi); mov %r12, 96(%rdi); mov %r13, 104(%rdi)\n"
        "    mov %r14, 112(%rdi); mov %r15, 120(%rdi)\n"
        "    mov machine_rdi_kept(%rip), %rax; mov %rax, 56(%rdi)\n"
        "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "    ret\n"
        ".bss\n"
        "machine_state_kept: .quad 0\n"
        "machine_code_kept: .quad 0\n"
        "machine_rdi_kept: .quad 0\n"
        ".text\n");

static uint64_t random_state = 0x2545f4914f6cdd1d;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint8_t *arena; /* below 4 GiB, so that 32-bit addresses reach it too */
static uint8_t *code;

static bool in_arena(uint64_t linear, unsigned width)
{
    return linear - (uint64_t)arena <= ARENA_SIZE - width;
}

static enum status arena_read(void *context, uint64_t linear, unsigned width, uint64_t *value)
{
    (void)context;
    if (!in_arena(linear, width))
        return ERR_RANGE;
    *value = 0xa5a5a5a5a5a5a5a5; /* a careless device: garbage above the width */
    memcpy(value, (const void *)linear, width);
    return OK;
}

static enum status arena_write(void *context, uint64_t linear, unsigned width, uint64_t value)
{
    (void)context;
    if (!in_arena(linear, width))
        return ERR_RANGE;
    memcpy((void *)linear, &value, width);
    return OK;
}

static const struct execute_memory arena_memory = {NULL, arena_read, arena_write};

/* Values at the edges of every width are as likely as random ones. */
static uint64_t random_value(void)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     0x7f,
                                     0x80,
                                     0xff,
                                     0x7fff,
                                     0x8000,
                                     0xffff,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     INT64_MAX,
                                     (uint64_t)INT64_MIN,
                                     UINT64_MAX,
                                     0x0f,
                                     0x10};
    return random_next() >> 32 & 1 ? edges[random_next() >> 20 & 15] : random_next();
}

static size_t random_instruction(uint8_t *bytes)
{
    static const uint8_t opcodes[] = {0x88, 0x89, 0x8a, 0x8b, 0xc6, 0xc7, 0xa4, 0xa5, 0xaa, 0xab, 0xac, 0xad,
                                      0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x87, 0xf6, 0xf7, 0xfe, 0xff, 0x63};
    static const uint8_t escaped[] = {0xb0, 0xb1, 0xb6, 0xb7, 0xba, 0xbe, 0xbf, 0xc0, 0xc1, 0xc3};
    uint64_t random = random_next();
    size_t at = 0;
    if (random >> 8 & 1)
        bytes[at++] = 0x66;
    if ((random >> 9 & 7) == 0)
        bytes[at++] = 0x67;
    if ((random >> 12 & 3) == 0)
        bytes[at++] = 0xf3;
    if ((random >> 14 & 7) == 0)
        bytes[at++] = 0xf0;
    if (random >> 17 & 1)
        bytes[at++] = 0x40 | (random >> 18 & 15);
    uint64_t choice = random >> 22 & 3;
    if (choice == 0) {
        bytes[at++] = random >> 24 & 0x3b;
    } else if (choice == 1) {
        bytes[at++] = 0x0f;
        bytes[at++] = escaped[(random >> 24) % sizeof escaped];
    } else {
        bytes[at++] = opcodes[(random >> 24) % sizeof opcodes];
    }
    bytes[at++] = (uint8_t)(0x40 | (random >> 40 & 0x3f)); /* mod 1: disp8 */
    if ((random >> 40 & 7) == 6 && (random >> 60 & 1))
        bytes[at - 1] = (uint8_t)(0x04 | (random >> 40 & 0x38)); /* mod 0 with SIB: maybe without base */
    while (at < DECODE_BYTES_MAX)
        bytes[at++] = (uint8_t)(random_next() >> 24);
    return at;
}

/* Sets base and index so that the access hits the arena's middle; false if this instruction cannot. */
static bool address_arrange(const struct decoded_instruction *decoded, uint64_t *general)
{
    const struct decode_memory *memory = &decoded->memory;
    uint64_t target = (uint64_t)arena + ARENA_MIDDLE;
    if (decoded->operation == DECODE_MOVS || decoded->operation == DECODE_STOS ||
        decoded->operation == DECODE_LODS) {
        general[DECODE_RSI] = target + 256;
        general[DECODE_RDI] = target - 256;
        general[DECODE_RCX] = 1 + (random_next() >> 32) % 16;
        return true;
    }
    if (memory->index != DECODE_NO_REGISTER)
        general[memory->index] = random_next() >> 40 & 0xff;
    uint64_t rest = (uint64_t)memory->displacement;
    if (memory->index != DECODE_NO_REGISTER)
        rest += general[memory->index] << memory->scale_shift;
    if (memory->base == DECODE_NO_REGISTER || memory->base == DECODE_RSP || memory->base == memory->index)
        return false;
    general[memory->base] = target - rest;
    return true;
}

/* Base-less operands get their displacement patched, in the bytes too: it stands right behind the SIB byte. */
static bool displacement_arrange(uint8_t *bytes, struct decoded_instruction *decoded, uint64_t *general)
{
    if (decoded->memory.base != DECODE_NO_REGISTER || decoded->memory.rip_relative)
        return false;
    for (unsigned i = 0; i + 4 <= decoded->length; i++) {
        int32_t displacement;
        memcpy(&displacement, bytes + i, 4);
        if (displacement != decoded->memory.displacement)
            continue;
        if (decoded->memory.index != DECODE_NO_REGISTER)
            general[decoded->memory.index] = random_next() >> 40 & 0xff;
        uint64_t index = decoded->memory.index == DECODE_NO_REGISTER ? 0 : general[decoded->memory.index];
        displacement = (int32_t)((uint64_t)arena + ARENA_MIDDLE - (index << decoded->memory.scale_shift));
        memcpy(bytes + i, &displacement, 4);
        return decode_instruction(bytes, DECODE_BYTES_MAX, DECODE_LONG, decoded) == OK;
    }
    return false;
}

static bool uses_stack_pointer(const struct decoded_instruction *decoded)
{
    const struct decode_operand *operands[] = {&decoded->destination, &decoded->source};
    for (unsigned i = 0; i < 2; i++) {
        if (operands[i]->kind == DECODE_OPERAND_REGISTER && operands[i]->register_number == DECODE_RSP &&
            !operands[i]->high_byte)
            return true;
    }
    return false;
}

static uint64_t defined_flags(enum decode_operation operation)
{
    switch (operation) {
    case DECODE_AND:
    case DECODE_OR:
    case DECODE_XOR:
    case DECODE_TEST: return EXECUTE_ARITHMETIC & ~EXECUTE_AF;
    case DECODE_BT:
    case DECODE_BTS:
    case DECODE_BTR:
    case DECODE_BTC: return EXECUTE_CF | EXECUTE_ZF;
    default: return EXECUTE_ARITHMETIC;
    }
}

static void code_write(const uint8_t *bytes, unsigned length)
{
    memcpy(code, bytes, length);
    code[length] = 0xc3;
}

static bool same_outcome(const struct decoded_instruction *decoded, const uint8_t *bytes,
                         struct execute_registers *ours)
{
    static uint8_t before[ARENA_SIZE], after[ARENA_SIZE];
    struct machine_state machine = {.rflags = ours->rflags};
    memcpy(machine.general, ours->general, sizeof machine.general);
    memcpy(before, arena, ARENA_SIZE);
    code_write(bytes, decoded->length);
    machine_run(&machine, code);
    memcpy(after, arena, ARENA_SIZE);
    memcpy(arena, before, ARENA_SIZE);

    if (execute_instruction(decoded, ours, &arena_memory) != OK || ours->rip != decoded->length)
        return false;
    machine.general[DECODE_RSP] = ours->general[DECODE_RSP];
    return memcmp(after, arena, ARENA_SIZE) == 0 &&
           memcmp(machine.general, ours->general, sizeof machine.general) == 0 &&
           ((machine.rflags ^ ours->rflags) & defined_flags(decoded->operation)) == 0;
}

static bool try_instruction(unsigned *done, unsigned *baseless)
{
    uint8_t bytes[DECODE_BYTES_MAX];
    struct decoded_instruction decoded;
    struct execute_registers ours = {.mode = DECODE_LONG};
    random_instruction(bytes);
    if (decode_instruction(bytes, sizeof bytes, DECODE_LONG, &decoded) != OK || uses_stack_pointer(&decoded))
        return true;
    if (decoded.memory.segment >= DECODE_FS)
        return true;
    for (unsigned i = 0; i < 16; i++)
        ours.general[i] = random_value();
    for (unsigned i = 0; i < ARENA_SIZE; i += 8) {
        uint64_t value = random_value();
        memcpy(arena + i, &value, 8);
    }
    ours.rflags = 0x202 | (random_next() >> 16 & (EXECUTE_ARITHMETIC | EXECUTE_DF));
    if (displacement_arrange(bytes, &decoded, ours.general))
        ++*baseless;
    else if (!address_arrange(&decoded, ours.general))
        return true;
    bool address_in_rax = decoded.memory.base == DECODE_RAX || decoded.memory.index == DECODE_RAX;
    if (decoded.operation == DECODE_CMPXCHG && !address_in_rax && random_next() >> 50 & 1)
        REQUIRE(arena_read(NULL, (uint64_t)arena + ARENA_MIDDLE, 8, &ours.general[DECODE_RAX]) == OK);
    ++*done;
    if (same_outcome(&decoded, bytes, &ours))
        return true;
    char text[DECODE_TEXT_SIZE];
    decode_bytes_text(bytes, decoded.length, text);
    printf("     differs from the processor: %s (operation %d)\n", text, (int)decoded.operation);
    return false;
}

static void test_against_processor(void)
{
    CASE("random instructions do what the processor does");
    unsigned done = 0, wrong = 0, baseless = 0;
    for (unsigned i = 0; i < 200000 && wrong < 10; i++)
        wrong += !try_instruction(&done, &baseless);
    printf("     %u instructions executed on both, %u without base register\n", done, baseless);
    CHECK_EQ(wrong, 0);
    CHECK(done > 50000);
    CHECK(baseless > 500);
}

static enum status failing_access(void *context, uint64_t linear, unsigned width, uint64_t *value)
{
    unsigned *left = context;
    if (*left == 0)
        return ERR_IO;
    --*left;
    return arena_read(NULL, linear, width, value);
}

static void test_failure_and_repeat(void)
{
    struct decoded_instruction decoded;
    struct execute_registers registers = {.mode = DECODE_LONG, .rflags = 2};
    const uint8_t movs[] = {0xf3, 0xa5}; /* rep movsl */
    REQUIRE(decode_instruction(movs, sizeof movs, DECODE_LONG, &decoded) == OK);

    CASE("a failing access keeps the iterations before it");
    unsigned good = 3;
    struct execute_memory memory = {&good, failing_access, arena_write};
    registers.general[DECODE_RSI] = (uint64_t)arena;
    registers.general[DECODE_RDI] = (uint64_t)arena + 2048;
    registers.general[DECODE_RCX] = 10;
    CHECK_EQ(execute_instruction(&decoded, &registers, &memory), ERR_IO);
    CHECK_EQ(registers.general[DECODE_RCX], 7);
    CHECK_EQ(registers.general[DECODE_RSI], (uint64_t)arena + 12);
    CHECK_EQ(registers.rip, 0);

    CASE("a long repeat is done in bounded pieces");
    registers.general[DECODE_RSI] = (uint64_t)arena;
    registers.general[DECODE_RDI] = (uint64_t)arena + 2048;
    registers.general[DECODE_RCX] = 300;
    CHECK_EQ(execute_instruction(&decoded, &registers, &arena_memory), OK);
    CHECK_EQ(registers.general[DECODE_RCX], 300 - EXECUTE_REPEAT_MAX);
    CHECK_EQ(registers.rip, 0);
    CHECK_EQ(execute_instruction(&decoded, &registers, &arena_memory), OK);
    CHECK_EQ(registers.rip, 2);
}

static void test_addresses(void)
{
    struct decoded_instruction decoded;
    struct execute_registers registers = {.mode = DECODE_LONG, .rip = 0x1000};
    registers.segment_base[DECODE_GS] = 0x10000;
    registers.segment_base[DECODE_DS] = 0x5550000;

    CASE("RIP-relative and FS/GS addresses");
    const uint8_t relative[] = {0x8b, 0x05, 0x10, 0, 0, 0};
    REQUIRE(decode_instruction(relative, sizeof relative, DECODE_LONG, &decoded) == OK);
    CHECK_EQ(execute_address(&decoded, &registers), 0x1016);
    const uint8_t segment[] = {0x65, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0};
    REQUIRE(decode_instruction(segment, sizeof segment, DECODE_LONG, &decoded) == OK);
    CHECK_EQ(execute_address(&decoded, &registers), 0x10010);

    CASE("real-mode addresses wrap at 64 KiB inside the segment");
    const uint8_t real[] = {0x8a, 0x40, 0x10}; /* mov 0x10(%bx,%si),%al */
    REQUIRE(decode_instruction(real, sizeof real, DECODE_REAL, &decoded) == OK);
    registers.mode = DECODE_REAL;
    registers.general[DECODE_RBX] = 0xfff0;
    registers.general[DECODE_RSI] = 0x8;
    CHECK_EQ(execute_address(&decoded, &registers), 0x5550008);
}

int main(void)
{
    arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(arena != MAP_FAILED && code != MAP_FAILED);
    test_addresses();
    test_failure_and_repeat();
    test_against_processor();
    return check_finish();
}
