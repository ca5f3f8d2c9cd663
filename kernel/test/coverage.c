/* SPDX-License-Identifier: MIT */
/*
 * Coverage counters of a kernel built with COVERAGE=1, written to the emulator's debug port (0xe9) when the machine ends; read by
 * tool/coverage. Linked with --wrap, so that the kernel itself knows nothing of it.
 *
 * The compiler (GCC 12: `struct gcov_info` in its gcc/libgcov.h and the documentation of -fprofile-info-section) describes each
 * source file's counters in a structure, and puts pointers to these into one section. The text has a line for each file, `F
 * version stamp checksum path`, and one for each function, `f ident line_checksum graph_checksum counters...`, numbers in hex.
 */
#include <stdint.h>

#include "kernel/arch/arch.h"

#define PORT_DEBUG    0xe9
#define COUNTER_KINDS 8

struct counters {
    uint32_t number;
    const uint64_t *values;
};

struct function {
    const void *key;
    uint32_t ident, line_checksum, graph_checksum;
    struct counters counters[]; /* of the kinds that are merged, here only the first */
};

struct file {
    uint32_t version;
    const struct file *next;
    uint32_t stamp, checksum;
    const char *path;
    const void *merge[COUNTER_KINDS];
    uint32_t functions;
    const struct function *const *function;
};

extern const struct file *const __start_gcov_info[], *const __stop_gcov_info[];

/* Named by the structures; never called. */
void __gcov_merge_add(void);
void __gcov_merge_add(void) {}

static void put(char character)
{
    __asm__ volatile("outb %0, %1" : : "a"(character), "Nd"((uint16_t)PORT_DEBUG));
}

static void put_text(const char *text)
{
    while (*text)
        put(*text++);
}

static void put_number(uint64_t number)
{
    int digits = 16;

    while (digits > 1 && !(number >> (digits * 4 - 4)))
        digits--;
    put(' ');
    while (digits--)
        put("0123456789abcdef"[number >> (digits * 4) & 15]);
}

static void dump_function(const struct file *file, const struct function *function)
{
    if (!function || function->key != file) /* another file has the same inline function */
        return;
    put('f');
    put_number(function->ident);
    put_number(function->line_checksum);
    put_number(function->graph_checksum);
    for (uint32_t i = 0; i < function->counters[0].number; i++)
        put_number(function->counters[0].values[i]);
    put('\n');
}

static void dump(void)
{
    for (const struct file *const *place = __start_gcov_info; place < __stop_gcov_info; place++) {
        const struct file *file = *place;

        put('F');
        put_number(file->version);
        put_number(file->stamp);
        put_number(file->checksum);
        put(' ');
        put_text(file->path);
        put('\n');
        for (uint32_t i = 0; i < file->functions; i++)
            dump_function(file, file->function[i]);
    }
    put_text("end\n");
}

_Noreturn void __real_arch_machine_exit(uint64_t code);
_Noreturn void __wrap_arch_machine_exit(uint64_t code);
_Noreturn void __real_arch_machine_reset(void);
_Noreturn void __wrap_arch_machine_reset(void);
_Noreturn void __real_arch_panic_stop(void);
_Noreturn void __wrap_arch_panic_stop(void);

void __wrap_arch_machine_exit(uint64_t code)
{
    dump();
    __real_arch_machine_exit(code);
}

void __wrap_arch_machine_reset(void)
{
    dump();
    __real_arch_machine_reset();
}

void __wrap_arch_panic_stop(void)
{
    dump();
    __real_arch_panic_stop();
}
