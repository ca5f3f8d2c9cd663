/* SPDX-License-Identifier: MIT */
/*
 * A component that behaves well among others that do not: it takes memory, looks whether it is zeroed, uses it, opens and
 * closes sessions, and none of that may fail, whatever the others do.
 */
#include "contract/rom/client.h"
#include "lib/base/env.h"
#include "lib/base/lock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/service.h"
#include "lib/base/session.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/string/string.h"
#include "test/quota/wire.h"

#define MEMORY_SIZE (64u << 10)

static struct lock between; /* held during a round, and while it rests */
static bool rests;
static struct neighbour_report report;

static void note(bool good, const char *text)
{
    if (good)
        return;
    report.failures++;
    log_error("FAIL %s", text);
}

static void use_memory(void)
{
    struct memory memory;
    enum status status = memory_alloc(MEMORY_SIZE, &memory);
    uint64_t strange = 0;

    note(status == OK, "memory");
    if (status != OK)
        return;
    volatile uint64_t *words = memory.address;

    for (uint64_t i = 0; i < memory.size / 8; i += 8) {
        strange += words[i] != 0;
        words[i] = NEIGHBOUR_WORD;
    }
    for (uint64_t i = 0; i < memory.size / 8; i += 8)
        strange += words[i] != NEIGHBOUR_WORD;
    note(strange == 0, "memory holds what others wrote");
    memory_free(&memory);
}

static void use_session(void)
{
    struct session_options options = {.service = "ROM", .label_opt = "quota_hog"};
    struct connection rom;
    struct rom program;
    enum status status = session_open(&options, &rom);

    note(status == OK, "session");
    if (status != OK)
        return;
    status = rom_map(rom.slot, &program);
    note(status == OK && memcmp(program.data, "\177ELF", 4) == 0, "ROM");
    if (status == OK)
        rom_unmap(&program);
    session_close(&rom);
}

static void work(void *argument)
{
    (void)argument;
    for (;;) {
        lock_take(&between);
        use_memory();
        use_session();
        report.rounds++;
        lock_leave(&between);
        thread_sleep_until(time_after_ns(1000000));
    }
}

static enum status neighbour_dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct dispatch_rule rules[NEIGHBOUR_OPCODE_COUNT] = {
        [NEIGHBOUR_STOP] = DISPATCH_RULE_EMPTY(0),
        [NEIGHBOUR_GO] = DISPATCH_RULE_EMPTY(0),
    };
    enum status status = dispatch_check(d, rules, NEIGHBOUR_OPCODE_COUNT);

    (void)session;
    if (status != OK)
        return status;
    if (rests != (d->opcode == NEIGHBOUR_GO))
        return ERR_BUSY;
    rests = !rests;
    if (!rests) {
        lock_leave(&between);
        return OK;
    }
    lock_take(&between);
    dispatch_reply(d, &report, sizeof(report));
    return OK;
}

static struct service_session only;

static enum status neighbour_create(struct service *service, const struct parent_request *request,
                                    struct service_session **out)
{
    (void)service;
    (void)request;
    *out = &only;
    return OK;
}

static void neighbour_close(struct service *service, struct service_session *session)
{
    (void)service;
    (void)session;
}

static struct service neighbour = {.name = NEIGHBOUR_SERVICE,
                                   .create = neighbour_create,
                                   .close = neighbour_close,
                                   .dispatch = neighbour_dispatch};

int component_main(struct env *environment)
{
    struct thread_options options = {.name = "work"};
    struct thread *thread;

    if (thread_create(&options, work, NULL, &thread) != OK ||
        service_start(&neighbour, &environment->entrypoint) != OK)
        return 1;
    entrypoint_run(&environment->entrypoint);
    return 0;
}
