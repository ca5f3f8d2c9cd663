/* SPDX-License-Identifier: MIT */
/*
 * The client of the IPC benchmark: calls across and inside address spaces, the cheap hypercalls, and what a component
 * gets from core and its parent. Every reply is looked at, so a server that does not run cannot make us fast.
 */
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/notification.h"
#include "lib/base/session.h"
#include "lib/base/thread.h"
#include "test/bench/ipc/handler.h"
#include "test/bench/ipc/measure.h"
#include "test/bench/ipc/wire.h"

/* A call with `words` words; checks what came back. */
static inline void call(struct message_area *area, uint32_t portal, unsigned words)
{
    message_tag tag = tag_make(0, words, 0);
    uint64_t sent = area->words[0];
    enum status status = kernel_call(portal, &tag);

    if (__builtin_expect(status != OK || tag != tag_make(0, words, 0) || area->words[0] != sent + 1, 0))
        measure_check(false, "a call was not answered");
}

/* All words arrive, and only these. */
static void check_words(struct message_area *area, uint32_t portal)
{
    for (unsigned i = 0; i <= 64; i++)
        area->words[i] = i * i;
    call(area, portal, 64);
    bool right = true;
    for (unsigned i = 1; i <= 64; i++)
        right = right && area->words[i] == (uint64_t)i * i;
    CHECK(right);
}

static void measure_calls(uint32_t cross, uint32_t same)
{
    struct message_area *area = thread_self()->message_area;

    MEASURE("ipc_call_reply_cross_pd", call(area, cross, 1));
    MEASURE("ipc_call_reply_same_pd", call(area, same, 1));
    check_words(area, cross);
    MEASURE("ipc_call_reply_64_words", call(area, cross, 64));
}

static inline void delegate(struct message_area *area, uint32_t portal, uint32_t slot)
{
    message_tag tag = tag_make(0, 1, 1);
    uint64_t sent = area->words[0];

    area->send[0] = (struct message_cap){slot, RIGHT_NOTIFICATION_SIGNAL};
    CHECK(kernel_call(portal, &tag) == OK && area->words[0] == sent + 1);
}

/* The server takes 16 capabilities, then has to drop them, which is not measured. */
static void measure_delegation(uint32_t portal, uint32_t notification)
{
    struct message_area *area = thread_self()->message_area;

    for (unsigned i = 0; i < MEASURE_SAMPLES; i++) {
        if (i % BENCH_TAKEN_MAX == 0)
            call(area, portal, 1);
        MEASURE_SAMPLE(i, delegate(area, portal, notification));
    }
    measure_report("ipc_call_one_capability");
    call(area, portal, 1);
}

/* There and back: a signal to the other protection domain, whose thread waits for it, and its signal to us. */
static void measure_round_trip(uint32_t session, uint32_t notification)
{
    struct ipc ipc = {.portal = session,
                      .opcode = BENCH_REFLECTOR,
                      .send = {notification},
                      .send_rights = {RIGHT_NOTIFICATION_SIGNAL},
                      .send_count = 1};
    uint32_t peer = CAP_NONE;
    uint64_t bits;

    if (ipc_call_receive(&ipc, &peer) != OK) {
        CHECK(!"reflector");
        return;
    }
    MEASURE("notification_round_trip_cross_pd", {
        CHECK(kernel_notification_signal(peer) == OK);
        CHECK(kernel_notification_wait(notification, DEADLINE_NEVER, &bits) == OK && bits == 1);
    });
    cap_free(peer);
}

static void measure_hypercalls(uint32_t notification)
{
    uint32_t slot = CAP_NONE;
    uint64_t bits;

    MEASURE("hypercall_failing", CHECK(kernel_notification_signal(CAP_NONE) == ERR_CAP));
    MEASURE("notification_signal_wait", {
        CHECK(kernel_notification_signal(notification) == OK);
        CHECK(kernel_notification_wait(notification, DEADLINE_NEVER, &bits) == OK && bits == 1);
    });
    CHECK(cap_alloc(&slot) == OK);
    MEASURE("notification_create_destroy", {
        CHECK(kernel_create_notification(ENV_SLOT_PD, slot) == OK);
        CHECK(kernel_destroy(slot) == OK);
    });
    cap_free(slot);
}

static void session_cycle(void)
{
    struct session_options options = {.service = BENCH_SERVICE};
    struct connection connection;

    if (session_open(&options, &connection) != OK)
        CHECK(!"session_open");
    else
        session_close(&connection);
}

static void measure_framework(void)
{
    uint32_t dataspace = CAP_NONE;
    void *address;

    CHECK(dataspace_alloc(PAGE_SIZE, 0, &dataspace) == OK);
    MEASURE("attach_detach_core", {
        CHECK(memory_attach(dataspace, PD_READ | PD_WRITE, &address) == OK);
        memory_detach(address);
    });
    dataspace_free(dataspace);
    MEASURE("session_open_close", session_cycle());
}

static enum status portal_get(uint32_t session, enum bench_opcode opcode, uint32_t *slot)
{
    struct ipc ipc = {.portal = session, .opcode = opcode, .receive_count = 1};
    enum status status = ipc_call(&ipc);

    *slot = ipc.received;
    return status;
}

static struct handler local;

int component_main(struct env *environment)
{
    uint64_t started = measure_tsc();
    struct session_options options = {.service = BENCH_SERVICE};
    struct connection server;
    uint32_t echo, taker, notification;

    log_info("first instructions at TSC %lu, %lu kHz", started, environment->page->tsc_khz);
    if (session_open(&options, &server) != OK || portal_get(server.slot, BENCH_ECHO, &echo) != OK ||
        portal_get(server.slot, BENCH_TAKER, &taker) != OK || handler_start_echo(&local) != OK ||
        notification_create(&notification) != OK) {
        log_error("FAIL: no server, or no resources");
        return 1;
    }
    measure_calibrate();
    measure_calls(echo, local.portal.slot);
    measure_hypercalls(notification);
    measure_round_trip(server.slot, notification);
    measure_delegation(taker, notification);
    measure_framework();
    log_info("%s", measure_failed() ? "FAIL: the figures are worth nothing" : "all measured");
    return measure_failed() ? 1 : 0;
}
