/* SPDX-License-Identifier: MIT */
/*
 * What a component starts with, and what it gets at: the environment.
 *
 * Start protocol (whoever builds a child obeys it, lib/child does): the first capability slots are as in enum env_slot;
 * the main thread starts at the ELF entry with rdi = address of a read-only struct env_page, fs_base = rsp = an address
 * aligned to 64 below the top of its stack, with THREAD_CONTROL_SIZE writable, zeroed bytes above it. The start-up code
 * puts the block of thread-local variables below and the control block of the thread there.
 *
 * lib/base then runs the constructors (.init_array) and component_main(), the component's own code:
 *
 *     int component_main(struct env *env)
 *     {
 *         log_info("hello");
 *         return 0;                       a program: the parent is told the exit code
 *     }
 *
 * A server creates its services and then calls entrypoint_run(&env->entrypoint) at the end.
 */
#ifndef LIB_BASE_ENV_H
#define LIB_BASE_ENV_H

#include "lib/base/cap.h"
#include "lib/base/entrypoint.h"
#include "lib/base/status.h"

#include <stdint.h>

enum env_slot {
    ENV_SLOT_PARENT = 1,     /* portal of the parent */
    ENV_SLOT_PD = 2,         /* own protection domain: CREATE_IPC, IDENTIFY */
    ENV_SLOT_PD_SESSION = 3, /* own PD session at core */
    ENV_SLOT_THREAD = 4,     /* main thread: CONTROL, BIND */
    ENV_SLOT_FREE = 16,      /* first one of the allocator; 5-15 are reserved */
};

#define ENV_PAGE_MAGIC   0x3165677061617373ull
#define ENV_PAGE_VERSION 2u
#define ENV_NAME_MAX     64u

/* Filled by the builder of the component. */
struct env_page {
    uint64_t magic;
    uint32_t version;
    uint32_t slots; /* size of the capability space */
    uint64_t tsc_khz;
    uint64_t features;     /* enum boot_feature of abi/boot.h */
    uint64_t message_area; /* of the main thread */
    uint64_t stack, stack_size;
    uint32_t cpus; /* for its threads: 0 .. cpus - 1 */
    uint32_t reserved;
    char name[ENV_NAME_MAX];
};

_Static_assert(sizeof(struct env_page) == 64 + ENV_NAME_MAX, "start protocol");

struct env {
    const struct env_page *page;
    const char *name;
    struct entrypoint entrypoint; /* of the main thread */
};

/* The one environment of this component. */
extern struct env env;

/* Written by the component. The value is the exit code. */
int component_main(struct env *env);

/* Tells the parent and ends. */
_Noreturn void component_exit(int code);

#endif
