/* SPDX-License-Identifier: MIT */
/*
 * Threads: memory from the component, the kernel's part from core through the PD session.
 *
 * A stack is [unmapped page | stack ... | thread-local variables | struct thread, THREAD_CONTROL_SIZE | unmapped page].
 * A thread that ends tells its joiner and waits to be destroyed.
 */
#include "lib/base/thread.h"

#include "lib/base/env.h"
#include "lib/base/kernel.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/panic.h"
#include "lib/base/pd_session.h"
#include "lib/base/thread_private.h"
#include "lib/string/string.h"

/* component.ld: the template, and the size of the block that each thread has. */
extern char tls_template_begin[], tls_template_end[], tls_block_size[];

void thread_entry(void);
_Noreturn void base_thread_start(struct thread *thread);

void thread_local_init(struct thread *thread)
{
    memcpy((char *)thread - (size_t)tls_block_size, tls_template_begin,
           (size_t)tls_template_end - (size_t)tls_template_begin);
}

_Noreturn void base_thread_start(struct thread *thread)
{
    uint64_t bits;

    thread->function(thread->argument);
    __atomic_store_n(&thread->done, 1, __ATOMIC_SEQ_CST);
    uint32_t joiner = __atomic_load_n(&thread->joiner, __ATOMIC_SEQ_CST);

    if (joiner)
        notification_signal(joiner);
    for (;;)
        (void)notification_wait(thread->notification, UINT64_MAX, &bits);
}

/* Stack, control block, notification: all that needs no core object of the thread. */
static enum status thread_memory(const struct thread_options *options, struct thread **out)
{
    struct memory stack;
    uint64_t size = options->stack_size ? options->stack_size : THREAD_STACK_DEFAULT;
    enum status status = memory_alloc(size + (size_t)tls_block_size + THREAD_CONTROL_SIZE, &stack);

    if (status != OK)
        return status;

    struct thread *thread = (struct thread *)((char *)stack.address + stack.size - THREAD_CONTROL_SIZE);

    status = notification_create(&thread->notification);
    if (status != OK) {
        memory_free(&stack);
        return status;
    }
    thread->self = thread;
    thread->stack = (uint64_t)stack.address;
    thread->stack_size = stack.size;
    thread->stack_dataspace = stack.dataspace;
    thread_local_init(thread);
    *out = thread;
    return OK;
}

static void thread_memory_free(struct thread *thread)
{
    struct memory stack = {thread->stack_dataspace, (void *)thread->stack, thread->stack_size};

    notification_destroy(thread->notification);
    memory_free(&stack);
}

static enum status thread_launch(const struct thread_options *options, unsigned cpu, struct thread *thread)
{
    struct pd_thread_create create = {.flags = options->fpu ? PD_THREAD_FPU : 0,
                                      .priority =
                                          options->priority ? options->priority : THREAD_PRIORITY_DEFAULT,
                                      .cpu = cpu};
    struct pd_thread created;

    (void)string_copy(create.name, sizeof(create.name), options->name ? options->name : "thread");
    enum status status = pd_thread_create(ENV_SLOT_PD_SESSION, &create, &created, &thread->slot);

    if (status != OK)
        return status;
    thread->id = created.id;
    thread->message_area = (struct message_area *)created.message_area;

    struct pd_thread_start start = {.id = created.id,
                                    .ip = (uint64_t)thread_entry,
                                    .sp = (uint64_t)thread,
                                    .argument = (uint64_t)thread,
                                    .tls = (uint64_t)thread};

    status = pd_thread_start(ENV_SLOT_PD_SESSION, &start);
    if (status != OK) {
        (void)pd_thread_destroy(ENV_SLOT_PD_SESSION, created.id);
        cap_free(thread->slot);
    }
    return status;
}

enum status thread_create_on(const struct thread_options *options, unsigned cpu,
                             void (*function)(void *argument), void *argument, struct thread **out)
{
    struct thread *thread;
    enum status status = thread_memory(options, &thread);

    if (status != OK)
        return status;
    thread->function = function;
    thread->argument = argument;
    status = thread_launch(options, cpu, thread);
    if (status != OK) {
        thread_memory_free(thread);
        return status;
    }
    *out = thread;
    return OK;
}

void thread_join(struct thread *thread)
{
    uint64_t bits;
    uint32_t notification = thread_self()->notification;

    __atomic_store_n(&thread->joiner, notification, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&thread->done, __ATOMIC_SEQ_CST))
        (void)notification_wait(notification, UINT64_MAX, &bits);
    BUG_IF(pd_thread_destroy(ENV_SLOT_PD_SESSION, thread->id) != OK);
    cap_free(thread->slot);
    thread_memory_free(thread);
}

void thread_abort_call(const struct thread *thread)
{
    BUG_IF(kernel_ec_control(thread->slot, EC_ABORT) != OK);
}

void thread_sleep_until(uint64_t deadline)
{
    uint64_t bits;

    (void)notification_wait(thread_self()->notification, deadline, &bits);
}
