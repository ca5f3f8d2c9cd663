/* SPDX-License-Identifier: MIT */
/*
 * One program for all children of the scenario: <config role="..."/> says what it does, see README.md.
 */
#include "abi/thread_state.h"
#include "contract/timer/client.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/heap.h"
#include "lib/base/kernel.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/parent_session.h"
#include "lib/base/pd_session.h"
#include "lib/base/service.h"
#include "lib/base/session.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/config/config.h"
#include "test/hostile/hostile.h"

#define MILLISECOND_NS 1000000ull
#define SESSIONS       10000u

static int failed(const char *what, enum status status)
{
    log_error("FAIL %s: status %u", what, status);
    return 1;
}

/* ---- judge ---- */

static enum status use_timer(void)
{
    struct connection timer;
    uint64_t before, after;
    enum status status = session_open(&(struct session_options){.service = TIMER_SERVICE}, &timer);

    if (status != OK)
        return status;
    status = timer_now(timer.slot, &before);
    if (status == OK)
        status = timer_now(timer.slot, &after);
    session_close(&timer);
    return status == OK && after < before ? ERR_INVALID : status;
}

static enum status use_rom(void)
{
    struct connection rom;
    enum status status =
        session_open(&(struct session_options){.service = "ROM", .label_opt = "hostile"}, &rom);

    if (status == OK)
        session_close(&rom);
    return status;
}

static int judge(void)
{
    struct pd_info before = {0}, after = {0};

    for (unsigned round = 0; round < 150; round++) {
        enum status status = use_timer();

        if (status == OK)
            status = use_rom();
        if (status == OK && round == 0)
            status = pd_info(ENV_SLOT_PD_SESSION, &before);
        if (status != OK)
            return failed("the innocent are disturbed", status);
        thread_sleep_until(time_after_ns(20 * MILLISECOND_NS));
    }
    (void)!pd_info(ENV_SLOT_PD_SESSION, &after);
    /* The timer's answer to the last closing may still be on its way. */
    for (unsigned i = 0; i < 100 && after.ram_limit != before.ram_limit; i++) {
        thread_sleep_until(time_after_ns(10 * MILLISECOND_NS));
        (void)!pd_info(ENV_SLOT_PD_SESSION, &after);
    }
    if (after.ram_limit != before.ram_limit || after.caps_limit != before.caps_limit)
        return failed("quota is lost", OK);
    log_info("ok   everything works, and nothing was lost");
    return 0;
}

/* ---- clients ---- */

static const struct parent_session_open timer_request = {
    .service = TIMER_SERVICE, .notify = PARENT_NOTIFY_WATCH, .ram = 4096, .caps = 2};

static int opener(void)
{
    struct parent_returned returned;
    uint64_t id = 0, last = 0;
    unsigned opened = 0, closed = 0;

    log_info("opens");
    while (opened < SESSIONS && parent_session_open(&timer_request, &id) == OK) {
        opened++;
        if (opened % 3 == 0) {
            closed += parent_session_close(last, &returned) == OK;
            closed += parent_session_close(last, &returned) == OK;
        }
        last = id;
    }
    log_info("%u sessions opened, %u closed", opened, closed);
    return closed > opened / 3 ? failed("closed twice", OK) : 0;
}

static int quitter(void)
{
    uint64_t id;

    for (unsigned i = 0; i < 5; i++)
        (void)!parent_session_open(&timer_request, &id);
    return 0;
}

static void fault_for_ever(void *nowhere)
{
    for (;;)
        *(volatile int *)nowhere = 1;
}

static int misdirected(void)
{
    struct connection timer = {0}, log = {0};
    struct thread *thread;

    (void)!session_open(&(struct session_options){.service = TIMER_SERVICE}, &timer);
    (void)!session_open(&(struct session_options){.service = "LOG"}, &log);
    uint32_t portals[] = {ENV_SLOT_PARENT, ENV_SLOT_PD_SESSION, timer.slot, log.slot};

    for (unsigned i = 0; i < sizeof(portals) / sizeof(portals[0]); i++) {
        /* A lower priority: it does not run before its events are bound. */
        if (thread_create(&(struct thread_options){.name = "faulting", .priority = 5}, fault_for_ever,
                          (void *)0x18, &thread) != OK)
            return failed("thread", OK);
        if (kernel_ec_bind(thread->slot, THREAD_EVENT_PAGE_FAULT, portals[i], THREAD_GROUP_GPR) != OK)
            return failed("bind", OK);
    }
    thread_sleep_until(time_after_ns(200 * MILLISECOND_NS));
    return 0;
}

static void spin(void *argument)
{
    (void)argument;
    for (;;)
        __asm__ volatile("pause");
}

static int glutton(void)
{
    struct thread_options options = {.name = "spinning", .priority = 126};
    struct thread *thread;
    uint32_t slot;
    uint64_t bytes = 0;
    unsigned threads = 0, notifications = 0;

    log_info("takes");
    while (threads < 3 && thread_create(&options, spin, NULL, &thread) == OK)
        threads++;
    while (notification_create(&slot) == OK)
        notifications++;
    for (uint64_t size = 1 << 20; size >= 4096; size /= 2)
        while (dataspace_alloc(size, 0, &slot) == OK)
            bytes += size;
    while (pd_kmem_grow(ENV_SLOT_PD_SESSION, 1) == OK)
        bytes += 4096;
    log_info("took %llu bytes, %u threads, %u notifications", (unsigned long long)bytes, threads,
             notifications);
    spin(NULL);
    return 0;
}

static int stuck(void)
{
    struct connection connection;

    return failed("a mute server answers",
                  session_open(&(struct session_options){.service = "MUTE"}, &connection));
}

static int deserted(void)
{
    struct connection connection;
    enum status status = session_open(&(struct session_options){.service = "GONE"}, &connection);

    if (status != ERR_PEER_GONE)
        return failed("the server died", status);
    log_info("ok   the server died: ERR_PEER_GONE");
    return 0;
}

/* ---- memory errors of one's own ---- */

/* A page of stack a call, until the guard page stops it. */
static __attribute__((noinline)) unsigned descend(unsigned depth)
{
    volatile char page[4096];

    page[0] = (char)depth;
    return depth == UINT32_MAX ? 0 : descend(depth + 1) + (unsigned)page[0];
}

static void descend_thread(void *argument)
{
    (void)argument;
    (void)descend(0);
}

static int deep(void)
{
    log_info("the stack ends at %p", (void *)thread_self()->stack);
    return (int)descend(0);
}

static int deep_thread(void)
{
    struct thread *thread;

    if (thread_create(&(struct thread_options){.name = "deep"}, descend_thread, NULL, &thread) != OK)
        return failed("thread", OK);
    thread_sleep_until(UINT64_MAX);
    return 0;
}

/* Free it, and the heap knows. */
static int overrun(void)
{
    char *block = heap_alloc(100), *other = heap_alloc(100);

    if (!block || !other)
        return failed("memory", OK);
    for (volatile unsigned i = 0; i < 130; i++)
        block[i] = 'A';
    heap_free(block);
    return failed("an overrun is not noticed", OK);
}

static int twice(void)
{
    char *block = heap_alloc(100), *other = heap_alloc(100);

    if (!block || !other)
        return failed("memory", OK);
    heap_free(block);
    heap_free(block);
    return failed("a block is freed twice", OK);
}

/* ---- servers ---- */

static int mute(void)
{
    struct parent_request request;

    if (parent_announce(TIMER_SERVICE) != ERR_DENIED)
        return failed("somebody else's service", OK);
    if (parent_announce("MUTE") != OK || parent_announce("MUTE") != OK)
        return failed("announcing twice", OK);
    for (uint64_t id = 1; id < 300; id++)
        for (uint32_t kind = PARENT_REQUEST_CREATE; kind <= PARENT_REQUEST_CLOSE; kind++) {
            request = (struct parent_request){.id = id, .kind = kind};
            if (parent_request_deliver(&request, OK, ENV_SLOT_PD_SESSION) == OK)
                return failed("a request that was never given", OK);
        }
    for (;;) {
        (void)!parent_request_next(&request);
        thread_sleep_until(time_after_ns(50 * MILLISECOND_NS));
    }
}

static enum status gone_create(struct service *service, const struct parent_request *request,
                               struct service_session **out)
{
    (void)service;
    (void)request;
    (void)out;
    component_exit(3);
}

static int gone(struct entrypoint *entrypoint)
{
    static struct service service = {.name = "GONE", .create = gone_create};

    if (service_start(&service, entrypoint) != OK)
        return 1;
    entrypoint_run(entrypoint);
    return 0;
}

static int noise_usual(void)
{
    return noise(false);
}

static int noise_all(void)
{
    return noise(true);
}

int component_main(struct env *environment)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } roles[] = {{"judge", judge},         {"noise", noise_usual}, {"opener", opener},
                 {"quitter", quitter},     {"glutton", glutton},   {"misdirected", misdirected},
                 {"stuck", stuck},         {"mute", mute},         {"deserted", deserted},
                 {"noise_all", noise_all}, {"deep", deep},         {"deep_thread", deep_thread},
                 {"overrun", overrun},     {"twice", twice}};
    struct xml_node config;

    if (config_load(&config) != OK)
        return failed("configuration", OK);
    if (xml_attribute_is(config, "role", "gone"))
        return gone(&environment->entrypoint);
    for (unsigned i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (xml_attribute_is(config, "role", roles[i].name))
            return roles[i].run();
    return failed("unknown role", OK);
}
