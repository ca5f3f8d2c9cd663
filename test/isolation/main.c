/* SPDX-License-Identifier: MIT */
/*
 * Tries every forbidden thing and reports each as refused.
 *
 * A second thread makes the attempts. The main thread serves its faults: it notes what happened, and lets it go on behind
 * the instruction that was stopped. Raw hypercalls are used on purpose, past all libraries, as hostile code would.
 */
#include "test/isolation/isolation.h"

#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/fmt/status_text.h"

static unsigned refused_count, allowed_count;
static uint32_t go;

void attempts_of(const char *what)
{
    log_info("%s", what);
}

void attempt_end(bool refused, const char *what, const char *how)
{
    log_info("  %s: %s (%s)", refused ? "refused" : "ALLOWED", what, how);
    *(refused ? &refused_count : &allowed_count) += 1;
}

void attempt(const char *what, enum status status)
{
    attempt_end(status != OK, what, status_text(status));
}

void need(enum status status, const char *what)
{
    if (status == OK)
        return;
    log_error("cannot begin: %s: %s", what, status_text(status));
    component_exit(2);
}

static void probe(void *argument)
{
    uint64_t bits;

    /* Not before the main thread receives the faults. */
    need(notification_wait(go, UINT64_MAX, &bits), "wait");
    faults_try();
    capabilities_try();
    sessions_try();
    strays_try();
    foreign_try();
    entrypoint_stop(argument);
}

int component_main(struct env *environment)
{
    struct thread *thread;

    need(notification_create(&go), "notification");
    strays_prepare(&environment->entrypoint);
    foreign_prepare(&environment->entrypoint);
    need(thread_create(&(struct thread_options){.name = "probe"}, probe, &environment->entrypoint, &thread),
         "thread");
    faults_watch(&environment->entrypoint, thread);
    notification_signal(go);
    entrypoint_run(&environment->entrypoint);
    thread_join(thread);
    log_info("isolation: %u refused, %u allowed", refused_count, allowed_count);
    return allowed_count == 0 && refused_count > 0 ? 0 : 1;
}
