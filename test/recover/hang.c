/* SPDX-License-Identifier: MIT */
/*
 * Servers that do not answer, and a client that gives them up. The server announces HANG_OPEN and never looks at a request,
 * or announces HANG_CALL and never returns from a call.
 */
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/parent_session.h"
#include "lib/base/pd_session.h"
#include "lib/base/service.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/fmt/status_text.h"
#include "test/recover/bank.h"

#define SOON_NS 200000000ull
#define LATE_NS 30000000000ull

static void for_ever(void)
{
    for (;;)
        thread_sleep_until(TIME_NEVER);
}

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    (void)service;
    (void)request;
    *out = heap_alloc(sizeof(**out));
    return *out ? OK : ERR_NO_RAM;
}

static void close(struct service *service, struct service_session *session)
{
    (void)service;
    heap_free(session);
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    (void)session;
    (void)d;
    log_info("a call comes, and is never answered");
    for_ever();
    return OK;
}

int hang_server_main(struct entrypoint *entrypoint, struct xml_node config)
{
    static struct service service = {
        .name = "HANG_CALL", .create = create, .close = close, .dispatch = dispatch};

    if (xml_attribute_is(config, "in", "open")) {
        if (parent_announce("HANG_OPEN") != OK)
            return 1;
        for_ever();
    }
    if (service_start(&service, entrypoint) != OK)
        return 1;
    entrypoint_run(entrypoint);
    return 0;
}

/* ---- the client ---- */

static int errors;

static void check(bool condition, const char *what)
{
    log_info("%s %s", condition ? "ok  " : "FAIL", what);
    errors += !condition;
}

static void check_status(enum status got, enum status wanted, const char *what)
{
    check(got == wanted, what);
    if (got != wanted)
        log_error("it is %s", status_text(got));
}

struct task {
    uint64_t id;
    struct connection connection;
    enum status status;
};

static void await_task(void *argument)
{
    struct task *task = argument;

    task->status = session_await(task->id, TIME_NEVER, &task->connection);
}

static void call_task(void *argument)
{
    struct task *task = argument;
    uint64_t total;

    task->status = bank_call(task->connection.slot, BANK_READ, 0, 0, &total);
}

/* Lets another thread do what hangs; *thread_opt is that one. */
static struct thread *begin(void (*function)(void *argument), struct task *task)
{
    struct thread *thread = NULL;

    if (thread_create(&(struct thread_options){.name = "waiter"}, function, task, &thread) != OK)
        log_error("no thread");
    thread_sleep_until(time_after_ns(SOON_NS));
    return thread;
}

static void test_open(void)
{
    struct session_options options = {.service = "HANG_OPEN"};
    struct task task;
    struct connection connection;

    check_status(session_begin(&options, &task.id), OK, "an opening is asked for");
    check_status(session_await(task.id, time_after_ns(SOON_NS), &connection), ERR_TIMEOUT,
                 "it is not answered in time");
    struct thread *thread = begin(await_task, &task);

    session_cancel(task.id);
    thread_join(thread);
    check_status(task.status, ERR_ABORTED, "cancelled while another thread waits for it");
}

static void test_call(struct bank_client *ledger)
{
    struct session_options options = {.service = "HANG_CALL"};
    struct task task;
    uint64_t total;

    check_status(session_open(&options, &task.connection), OK, "a session with a server that hangs in calls");
    struct thread *thread = begin(call_task, &task);

    check_status(bank_call(ledger->connection.slot, BANK_READ, 1, 0, &total), OK,
                 "the other server answers meanwhile");
    thread_abort_call(thread);
    thread_join(thread);
    check_status(task.status, ERR_ABORTED, "the call is aborted from another thread");
    session_close(&task.connection);
}

static bool as_before(const struct pd_info *before)
{
    uint64_t end = time_after_ns(LATE_NS);
    struct pd_info now;

    do {
        if (pd_info(ENV_SLOT_PD_SESSION, &now) != OK)
            return false;
        if (now.ram_limit == before->ram_limit && now.caps_limit == before->caps_limit)
            return true;
        thread_sleep_until(time_after_ns(SOON_NS));
    } while (time_now() < end);
    log_error("%lluK RAM and %u capabilities, before %lluK and %u", (unsigned long long)(now.ram_limit >> 10),
              now.caps_limit, (unsigned long long)(before->ram_limit >> 10), before->caps_limit);
    return false;
}

int hang_client_main(void)
{
    struct bank_client ledger = {.lost = 0};
    struct pd_info before;

    log_info("begins"); /* the log is open when counting begins */
    if (bank_open(&ledger, "LEDGER") != OK || pd_info(ENV_SLOT_PD_SESSION, &before) != OK)
        return 1;
    test_open();
    test_call(&ledger);
    check(as_before(&before), "what was lent is back when the hanging server is restarted");
    return errors;
}

/* Nobody but its parent can end this. */
int stuck_main(void)
{
    struct session_options options = {.service = "HANG_CALL"};
    struct connection connection;
    uint64_t total;

    log_info("begins");
    if (session_open(&options, &connection) != OK)
        return 1;
    return bank_call(connection.slot, BANK_READ, 0, 0, &total) == OK;
}
