/* SPDX-License-Identifier: MIT */
/*
 * A foreign thread: every system call of it is a message to its creator, none reaches the kernel. Here it tries real
 * hypercalls with capabilities of this domain that would work if they came from an ordinary thread.
 */
#include "test/isolation/isolation.h"

#include "abi/thread_state.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/kernel.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/base/time.h"
#include "lib/string/string.h"

#define ANSWER 4711u

/* The attempts; each result is put into results[n]. */
struct foreign_call {
    uint64_t number, rdi, rsi, rdx;
};

/* Read by the assembly: calls end with number ~0. */
struct foreign_work {
    struct foreign_call calls[8];
    uint64_t results[8];
};

static struct foreign_work work;
static struct portal syscall_portal, crash_portal;
static uint32_t seen_calls, crashes, finished;
static uint64_t seen_numbers[8];

void foreign_start(void);

/* rdi = work. For each call: syscall, result into results; then an ud2 tells that all is done. */
__asm__(".text\n"
        "foreign_start:\n"
        "    mov %rdi, %rbx\n"
        "    xor %ebp, %ebp\n"
        "1:  mov %rbp, %r12\n"
        "    shl $5, %r12\n"
        "    mov (%rbx,%r12), %rax\n"
        "    cmp $-1, %rax\n"
        "    je 2f\n"
        "    mov 8(%rbx,%r12), %rdi\n"
        "    mov 16(%rbx,%r12), %rsi\n"
        "    mov 24(%rbx,%r12), %rdx\n"
        "    syscall\n"
        "    mov %rax, 256(%rbx,%rbp,8)\n"
        "    inc %rbp\n"
        "    jmp 1b\n"
        "2:  ud2\n");

_Static_assert(sizeof(struct foreign_call) == 32 && offsetof(struct foreign_work, results) == 256,
               "known to the assembly above");

static message_tag system_call(struct portal *portal, message_tag tag, bool *park)
{
    struct thread_state *state = (struct thread_state *)message_words();

    (void)portal;
    (void)tag;
    (void)park;
    if (seen_calls < 8)
        seen_numbers[seen_calls] = state->rax;
    seen_calls++;
    state->rax = ANSWER;
    state->groups = THREAD_GROUP_GPR;
    return tag_make(OK, THREAD_STATE_WORDS, 0);
}

/* The end, or a fault that should not be. */
static message_tag crashed(struct portal *portal, message_tag tag, bool *park)
{
    (void)portal;
    (void)tag;
    crashes++;
    *park = true;
    notification_signal(finished);
    return tag_make(OK, 0, 0);
}

void foreign_prepare(struct entrypoint *entrypoint)
{
    syscall_portal.raw = system_call;
    crash_portal.raw = crashed;
    need(notification_create(&finished), "notification");
    need(portal_create(entrypoint, &syscall_portal), "portal");
    need(portal_create(entrypoint, &crash_portal), "portal");
}

/* Creates the thread, binds its events and lets it run to its end. */
static void run(struct pd_thread *thread, uint32_t *slot)
{
    struct pd_thread_create create = {.name = "foreign", .flags = PD_THREAD_FOREIGN, .priority = 32};
    struct pd_thread_start start = {.ip = (uint64_t)foreign_start, .argument = (uint64_t)&work};
    uint64_t groups = THREAD_GROUP_GPR | THREAD_GROUP_IP | THREAD_GROUP_EVENT, bits;

    need(pd_thread_create(ENV_SLOT_PD_SESSION, &create, thread, slot), "foreign thread");
    need(kernel_ec_bind(*slot, THREAD_EVENT_SYSCALL, syscall_portal.slot, groups), "binding");
    need(kernel_ec_bind(*slot, THREAD_EVENT_EXCEPTION, crash_portal.slot, groups), "binding");
    need(kernel_ec_bind(*slot, THREAD_EVENT_PAGE_FAULT, crash_portal.slot, groups), "binding");
    start.id = thread->id;
    need(pd_thread_start(ENV_SLOT_PD_SESSION, &start), "start");
    need(notification_wait(finished, time_after_ns(5000000000ull), &bits), "end of the foreign thread");
}

void foreign_try(void)
{
    struct pd_thread thread;
    uint32_t target, slot, thread_slot;
    uint64_t bits;

    need(notification_create(&target), "notification");
    need(cap_alloc(&slot), "slot");
    work.calls[0] = (struct foreign_call){HYPERCALL_NOTIFICATION_SIGNAL, target, 0, 0};
    work.calls[1] = (struct foreign_call){HYPERCALL_CREATE, OBJECT_NOTIFICATION, ENV_SLOT_PD, slot};
    work.calls[2] = (struct foreign_call){HYPERCALL_DESTROY, target, 0, 0};
    work.calls[3] = (struct foreign_call){HYPERCALL_CALL, ENV_SLOT_PARENT, tag_make(6, 1, 0), 0};
    work.calls[4] = (struct foreign_call){231, 0, 0, 0}; /* exit_group of Linux, say */
    work.calls[5].number = UINT64_MAX;
    attempts_of("hypercalls of a foreign thread");
    run(&thread, &thread_slot);
    attempt_end(kernel_notification_wait(target, 0, &bits) == ERR_TIMEOUT, "signal", "nothing was signalled");
    attempt_end(kernel_notification_signal(slot) == ERR_CAP, "create", "nothing was created");
    attempt_end(kernel_notification_signal(target) == OK, "destroy", "the object is still there");
    attempt_end(seen_numbers[3] == HYPERCALL_CALL && work.results[3] == ANSWER, "call of the parent",
                "became a message to the creator");
    attempt_end(seen_calls == 5 && crashes == 1 && work.results[4] == ANSWER, "any other system call",
                "answered by the creator");
    need(pd_thread_destroy(ENV_SLOT_PD_SESSION, thread.id), "destroy");
    cap_free(thread_slot);
    notification_destroy(target);
    cap_free(slot);
}
