/* SPDX-License-Identifier: MIT */
/*
 * Stack traces of another address space, hardware-free: core uses it for the crash report of a component.
 *
 * Everything read belongs to the crashed component and may be garbage: a reader hook copies bytes out of it and says no
 * where nothing is mapped, frame pointers must ascend, and the symbol table (abi/symbols.h, announced by PD_SET_SYMBOLS)
 * is searched with bounded steps. Nothing found is no error: the address alone is printed.
 */
#ifndef LIB_BASE_STACK_TRACE_H
#define LIB_BASE_STACK_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STACK_TRACE_FRAMES 32u
#define STACK_TRACE_NAME   64u

struct stack_reader {
    /* Copies `size` bytes from `address`; false: not readable. */
    bool (*read)(void *context, uint64_t address, void *buffer, size_t size);
    void *context;
    uint64_t symbols_begin, symbols_end, names_end; /* 0: no table */
};

struct stack_frame {
    uint64_t ip;
    uint64_t offset; /* inside the function, if name is not empty */
    char name[STACK_TRACE_NAME];
};

/* Frames from the innermost one on: ip itself, then the return addresses. Returns their number. */
unsigned stack_trace_walk(const struct stack_reader *reader, uint64_t ip, uint64_t frame_pointer,
                          struct stack_frame *frames, unsigned max);

#endif
