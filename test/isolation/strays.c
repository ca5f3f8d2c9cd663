/* SPDX-License-Identifier: MIT */
/*
 * Threads that are started with pointers into the kernel: as instruction pointer, stack, or base of thread-local
 * variables. Core may refuse; if not, the thread's first step must end in a fault that its creator sees.
 */
#include "test/isolation/isolation.h"

#include "abi/thread_state.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/kernel.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/base/time.h"
#include "lib/fmt/fmt.h"
#include "lib/fmt/status_text.h"

#define KERNEL_ADDRESS 0xffffffff80000000ull
#define NON_CANONICAL  0x8000000000000000ull
#define VECTOR_BREAK   3u /* what a thread that got away ends with */

static struct portal stray_portal;
static uint32_t ended;
static uint64_t vector, address;

void stray_push(void);
void stray_load(void);

__asm__(".text\n"
        "stray_push:\n"
        "    push %rax\n"
        "    int3\n"
        "stray_load:\n"
        "    mov %fs:0, %rax\n"
        "    int3\n");

static message_tag end(struct portal *portal, message_tag tag, bool *park)
{
    const struct thread_state *state = (const struct thread_state *)message_words();

    (void)portal;
    (void)tag;
    vector = state->vector;
    address = state->fault_address;
    *park = true;
    notification_signal(ended);
    return tag_make(OK, 0, 0);
}

void strays_prepare(struct entrypoint *entrypoint)
{
    stray_portal.raw = end;
    need(notification_create(&ended), "notification");
    need(portal_create(entrypoint, &stray_portal), "portal");
}

static void try_start(const char *what, uint64_t ip, uint64_t sp, uint64_t tls)
{
    struct pd_thread_create create = {.name = "stray", .priority = 32};
    struct pd_thread_start start = {.ip = ip, .sp = sp, .tls = tls};
    struct pd_thread thread;
    uint64_t groups = THREAD_GROUP_EVENT, bits;
    uint32_t slot;
    char how[64];

    need(pd_thread_create(ENV_SLOT_PD_SESSION, &create, &thread, &slot), "thread");
    need(kernel_ec_bind(slot, THREAD_EVENT_EXCEPTION, stray_portal.slot, groups), "binding");
    need(kernel_ec_bind(slot, THREAD_EVENT_PAGE_FAULT, stray_portal.slot, groups), "binding");
    start.id = thread.id;
    enum status status = pd_thread_start(ENV_SLOT_PD_SESSION, &start);
    if (status != OK) {
        attempt(what, status);
    } else if (notification_wait(ended, time_after_ns(1000000000ull), &bits) != OK) {
        attempt_end(false, what, "it runs");
    } else {
        fmt_format(how, sizeof(how), "exception %u at 0x%llx", (unsigned)vector, (unsigned long long)address);
        attempt_end(vector != VECTOR_BREAK, what, how);
    }
    need(pd_thread_destroy(ENV_SLOT_PD_SESSION, thread.id), "destroy");
    cap_free(slot);
}

void strays_try(void)
{
    attempts_of("threads with pointers into the kernel");
    try_start("start in the kernel", KERNEL_ADDRESS, 0, 0);
    try_start("start at the end of user addresses", USER_ADDRESS_END, 0, 0);
    try_start("start at an address that is none", NON_CANONICAL, 0, 0);
    try_start("stack in the kernel", (uint64_t)stray_push, KERNEL_ADDRESS + 4096, 0);
    try_start("stack at an address that is none", (uint64_t)stray_push, NON_CANONICAL, 0);
    try_start("thread-local variables in the kernel", (uint64_t)stray_load, 0, KERNEL_ADDRESS);
    try_start("thread-local variables nowhere", (uint64_t)stray_load, 0, NON_CANONICAL);
}
