/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target: whatever bytes decode are executed on whatever registers; nothing may crash or loop, and lengths stay
 * within the bytes given.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/decode/execute.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum status fuzz_read(void *context, uint64_t linear, unsigned width, uint64_t *value)
{
    (void)context;
    *value = linear * width;
    return linear % 7 ? OK : ERR_IO;
}

static enum status fuzz_write(void *context, uint64_t linear, unsigned width, uint64_t value)
{
    (void)context;
    (void)value;
    return (linear + width) % 11 ? OK : ERR_IO;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct execute_registers registers = {.rflags = 2};
    struct execute_memory memory = {NULL, fuzz_read, fuzz_write};
    struct decoded_instruction instruction;
    struct decoded_intercept intercept;
    if (size < 2)
        return 0;
    registers.mode = (enum decode_mode)(data[0] % 4);
    unsigned kind = data[1] % (DECODE_INTERCEPT_INS_OUTS + 1);
    size_t count = size - 2 < 16 ? size - 2 : 16;
    for (size_t i = 0; i + 18 < size && i < sizeof registers.general; i++)
        ((uint8_t *)registers.general)[i] = data[i + 18];
    if (decode_intercepted(data + 2, count, registers.mode, (enum decode_intercept)kind, &intercept) == OK &&
        (intercept.length == 0 || intercept.length > count))
        abort();
    if (decode_instruction(data + 2, count, registers.mode, &instruction) != OK)
        return 0;
    if (instruction.length == 0 || instruction.length > count)
        abort();
    enum status status = execute_instruction(&instruction, &registers, &memory);
    if (status == OK && registers.rip != 0 && registers.rip != instruction.length)
        abort();
    return 0;
}
