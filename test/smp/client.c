/* SPDX-License-Identifier: MIT */
/*
 * A component on two processors: one thread on each. Calls, signals and a ring go from one to the other and back, to a
 * server of another component as well, and threads are destroyed from the other processor in the middle of all that.
 */
#include "contract/log/client.h"
#include "contract/log/wire.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/ring/ring.h"
#include "test/smp/processor.h"

#define CALLS         1000u
#define SIGNALS       1000u
#define ELEMENTS      20000u
#define VICTIMS       40u
#define RING_CAPACITY 64u

#define REQUIRE(condition)                                            \
    do {                                                              \
        if (!(condition)) {                                           \
            log_error("line %u: not true: %s", __LINE__, #condition); \
            component_exit(1);                                        \
        }                                                             \
    } while (0)

static uint64_t wait_on(uint32_t notification)
{
    uint64_t bits = 0;

    REQUIRE(notification_wait(notification, UINT64_MAX, &bits) == OK);
    return bits;
}

/* ---- the helper: an entry point on the other processor ---- */

static struct entrypoint helper;
static uint32_t ready;
static unsigned helper_processor;

static message_tag answer(struct portal *portal, message_tag tag, bool *park)
{
    uint64_t *words = message_words();

    (void)portal;
    (void)tag;
    (void)park;
    words[0] = words[0] * 3 + processor_number();
    return tag_make(OK, 1, 0);
}

static struct portal portal = {.raw = answer};

static void helper_main(void *argument)
{
    (void)argument;
    helper_processor = processor_number();
    REQUIRE(entrypoint_init(&helper) == OK);
    REQUIRE(portal_create(&helper, &portal) == OK);
    notification_signal(ready);
    entrypoint_run(&helper);
}

static struct thread *start(unsigned cpu, const char *name, void (*function)(void *), void *argument)
{
    struct thread_options options = {.name = name};
    struct thread *thread;

    REQUIRE(thread_create_on(&options, cpu, function, argument, &thread) == OK);
    return thread;
}

/* ---- calls ---- */

static void calls_within(void)
{
    for (uint64_t i = 0; i < CALLS; i++) {
        uint64_t out = 0;

        REQUIRE(
            ipc_call(&(struct ipc){
                .portal = portal.slot, .opcode = 1, .in = &i, .in_size = 8, .out = &out, .out_size = 8}) ==
            OK);
        REQUIRE(out == i * 3 + helper_processor);
    }
    log_info("%u calls from processor %u to a thread on processor %u", CALLS, processor_number(),
             helper_processor);
}

static void calls_to_server(void)
{
    struct session_options options = {.service = LOG_SERVICE, .label_opt = "count"};
    struct connection connection;
    struct log_write line = {.length = 1};

    REQUIRE(session_open(&options, &connection) == OK);
    for (unsigned i = 0; i < CALLS; i++) {
        line.text[0] = (char)('0' + i % 10);
        REQUIRE(ipc_call(&(struct ipc){.portal = connection.slot,
                                       .opcode = LOG_WRITE,
                                       .in = &line,
                                       .in_size = offsetof(struct log_write, text) + 1}) == OK);
    }
    session_close(&connection);
    log_info("%u calls from processor %u to the server", CALLS, processor_number());
}

/* ---- signals ---- */

static uint32_t ping, pong;

static void echo(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < SIGNALS; i++) {
        wait_on(ping);
        notification_signal(pong);
    }
}

static void signals(void)
{
    struct thread *thread;

    REQUIRE(notification_create(&ping) == OK && notification_create(&pong) == OK);
    thread = start(1, "echo", echo, NULL);
    for (unsigned i = 0; i < SIGNALS; i++) {
        notification_signal(ping);
        wait_on(pong);
    }
    thread_join(thread);
    log_info("%u signals to the other processor and back", SIGNALS);
}

/* ---- a ring ---- */

static struct memory ring_memory;
static uint32_t filled, emptied;

static void consume(void *argument)
{
    struct ring_consumer ring;
    uint64_t element, sum = 0;
    bool notify, may_sleep;

    REQUIRE(ring_consumer_open(ring_memory.address, ring_memory.size, RING_CAPACITY, 8, &ring) == OK);
    for (uint64_t got = 0; got < ELEMENTS;) {
        if (ring_pop(&ring, &element, &notify) == OK) {
            REQUIRE(element == got * got);
            sum += element;
            got++;
            if (notify)
                notification_signal(emptied);
        } else if (ring_consumer_prepare_sleep(&ring, &may_sleep) == OK && may_sleep) {
            wait_on(filled);
        }
    }
    *(uint64_t *)argument = sum;
}

static void ring_traffic(void)
{
    struct ring_producer ring;
    struct thread *thread;
    uint64_t received = 0, sent = 0;
    bool notify, may_sleep;

    REQUIRE(memory_alloc(PAGE_SIZE, &ring_memory) == OK);
    REQUIRE(notification_create(&filled) == OK && notification_create(&emptied) == OK);
    REQUIRE(ring_producer_open(ring_memory.address, ring_memory.size, RING_CAPACITY, 8, &ring) == OK);
    thread = start(1, "consumer", consume, &received);
    for (uint64_t i = 0; i < ELEMENTS;) {
        uint64_t element = i * i;

        if (ring_push(&ring, &element, &notify) == OK) {
            sent += element;
            i++;
            if (notify)
                notification_signal(filled);
        } else if (ring_producer_prepare_sleep(&ring, RING_CAPACITY / 2, &may_sleep) == OK && may_sleep) {
            wait_on(emptied);
        }
    }
    thread_join(thread);
    REQUIRE(received == sent);
    log_info("%u elements through a ring to the other processor", ELEMENTS);
}

/* ---- destroyed in the middle ---- */

static volatile uint64_t progress;

static void call_for_ever(void *argument)
{
    (void)argument;
    for (uint64_t i = 0;; i++) {
        uint64_t out;

        (void)ipc_call(&(struct ipc){
            .portal = portal.slot, .opcode = 1, .in = &i, .in_size = 8, .out = &out, .out_size = 8});
        progress = progress + 1;
    }
}

static void signal_for_ever(void *argument)
{
    for (;;) {
        notification_signal(*(uint32_t *)argument);
        progress = progress + 1;
    }
}

static void compute_for_ever(void *argument)
{
    (void)argument;
    for (;;)
        progress = progress + 1;
}

/* The victims run on either processor, and so does what they call. Their stacks stay behind. */
static void destroy_under_way(void)
{
    static void (*const kinds[])(void *) = {call_for_ever, signal_for_ever, compute_for_ever};
    uint32_t slot;

    REQUIRE(notification_create(&slot) == OK);
    for (unsigned i = 0; i < VICTIMS; i++) {
        struct thread *thread = start(i / 3 % 2, "victim", kinds[i % 3], &slot);
        uint64_t before = progress;

        for (unsigned turn = 0; progress - before < 20 && turn < 1000; turn++)
            thread_sleep_until(time_after_ns(1000000));
        REQUIRE(progress - before >= 20);
        REQUIRE(pd_thread_destroy(ENV_SLOT_PD_SESSION, thread->id) == OK);
        cap_free(thread->slot);
    }
    log_info("%u threads destroyed under way", VICTIMS);
}

int component_main(struct env *environment)
{
    REQUIRE(environment->page->cpus >= 2);
    REQUIRE(notification_create(&ready) == OK);
    start(1, "helper", helper_main, NULL);
    wait_on(ready);
    log_info("client runs on processors %u and %u", processor_number(), helper_processor);
    REQUIRE(processor_number() != helper_processor);
    calls_within();
    calls_to_server();
    signals();
    ring_traffic();
    destroy_under_way();
    calls_within();
    log_info("client done on processor %u", processor_number());
    return 0;
}
