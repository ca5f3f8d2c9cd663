/* SPDX-License-Identifier: MIT */
/*
 * The root task's own state: there is one, and one thread that uses it.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "abi/boot.h"
#include "abi/message.h"
#include "core/kernel_objects.h"

#define CORE_VERSION "0.1"

/* All free memory and all modules are mapped here, at their physical address plus this. */
#define CORE_WINDOW 0x0000100000000000ull

/* Core keeps this for its own needs: page tables of unusual requests, fragmentation of its kernel account. */
#define CORE_RESERVE_RAM  (256 * FRAME_SIZE)
#define CORE_RESERVE_CAPS 32u

/* Exit codes of the machine when core ends it itself. */
enum core_exit {
    CORE_EXIT_BOOT = 96,  /* not enough memory, no module `init`, ... */
    CORE_EXIT_INIT = 97,  /* init crashed */
    CORE_EXIT_PANIC = 98, /* an assertion failed */
};

struct core {
    const struct boot_info *boot;
    struct frames frames;
    struct account root; /* what init did not get: core's reserve */
    struct kmem kmem;    /* core's own kernel memory, paid by `root` */
    uint64_t ram;        /* bytes that were free at start */
};

extern struct core core;

static inline struct message_area *core_area(void)
{
    return (struct message_area *)ROOT_MESSAGE_AREA;
}

/* boot.c: maps the window, sets up frames, accounts, slots. Ends the machine if that is impossible. */
void boot_core(const struct boot_info *boot);

/* The module of this name, or NULL. */
const struct boot_module *boot_module(const char *name);

/* init.c: starts the module `init` with everything that is left. */
void init_start(void);

/* One line on the kernel's console, "core: " before it. */
void core_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One whole line, without any prefix. */
void console_line(const char *text, size_t length);

void core_exit(uint64_t code) __attribute__((noreturn));

#endif
