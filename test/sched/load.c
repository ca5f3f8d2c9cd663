/* SPDX-License-Identifier: MIT */
/*
 * Threads of the component's own priority, which on command either call the WORK server of the component's route, or
 * compute. The commands are calls, served with the time and the priority of who asks; so one
 * can look at a component that has no turn.
 */
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/session.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "test/sched/session.h"
#include "test/sched/wire.h"

static struct connection server;
static bool connected;
static uint32_t go[LOAD_THREADS];
static struct load_start task;
static struct load_state state; /* changed by several threads */

static void request(void)
{
    if (!task.work.rounds)
        work(task.rounds);
    else if (ipc_call(&(struct ipc){
                 .portal = server.slot, .opcode = WORK_DO, .in = &task.work, .in_size = sizeof(task.work)}) !=
             OK)
        log_error("not true: the server has answered");
}

static void run(void *argument)
{
    uint32_t notification = *(uint32_t *)argument;
    uint64_t bits;

    while (notification_wait(notification, TIME_NEVER, &bits) == OK) {
        for (uint64_t i = 0; i < task.requests && time_now() < task.until; i++) {
            request();
            __atomic_store_n(&state.finished, time_now(), __ATOMIC_RELAXED);
            __atomic_fetch_add(&state.done, 1, __ATOMIC_RELAXED);
        }
        __atomic_fetch_sub(&state.running, 1, __ATOMIC_RELAXED);
    }
}

static enum status start(const struct load_start *in)
{
    if (in->threads == 0 || in->threads > LOAD_THREADS)
        return ERR_RANGE;
    if (__atomic_load_n(&state.running, __ATOMIC_RELAXED))
        return ERR_BUSY;
    if (in->work.rounds && !connected) {
        enum status status = session_open(&(struct session_options){.service = WORK_SERVICE}, &server);

        if (status != OK)
            return status;
        connected = true;
    }
    task = *in;
    state = (struct load_state){.running = in->threads};
    for (unsigned i = 0; i < in->threads; i++)
        notification_signal(go[i]);
    return OK;
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct dispatch_rule rules[] = {
        [LOAD_START] = DISPATCH_RULE(struct load_start, 0),
        [LOAD_STATE] = DISPATCH_RULE_EMPTY(0),
    };
    enum status status = dispatch_check(d, rules, sizeof(rules) / sizeof(rules[0]));
    struct load_start in;

    (void)session;
    if (status != OK)
        return status;
    if (d->opcode == LOAD_STATE) {
        dispatch_reply(d, &state, sizeof(state));
        return OK;
    }
    dispatch_request(d, &in, sizeof(in));
    return start(&in);
}

static enum status start_threads(void)
{
    /* More than the component may have is cut to what its configuration says. */
    struct thread_options options = {.name = "load", .priority = 127};
    struct thread *thread;
    enum status status = OK;

    for (unsigned i = 0; status == OK && i < LOAD_THREADS; i++) {
        status = notification_create(&go[i]);
        if (status == OK)
            status = thread_create(&options, run, &go[i], &thread);
    }
    return status;
}

int component_main(struct env *environment)
{
    static struct service service = {
        .name = LOAD_SERVICE, .create = plain_create, .close = plain_close, .dispatch = dispatch};

    if (start_threads() != OK || service_start(&service, &environment->entrypoint) != OK)
        return 1;
    entrypoint_run(&environment->entrypoint);
    return 0;
}
