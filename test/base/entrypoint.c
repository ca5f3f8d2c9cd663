/* SPDX-License-Identifier: MIT */
/* One entry point on the main thread, and a second thread that calls it, signals it, and gives it work. */
#include "test/base/base_test.h"

#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/notification.h"
#include "lib/base/thread.h"
#include "lib/base/time.h"
#include "lib/string/string.h"

enum { OPCODE_ADD = 1, OPCODE_KEEP = 2, OPCODE_DEAD_CAP = 3, OPCODE_COUNT = 4 };

struct add {
    uint64_t a, b;
};

static const struct dispatch_rule rules[OPCODE_COUNT] = {
    [OPCODE_ADD] = DISPATCH_RULE(struct add, 0),
    [OPCODE_KEEP] = DISPATCH_RULE_EMPTY(1),
    [OPCODE_DEAD_CAP] = DISPATCH_RULE_EMPTY(0),
};

static uint32_t kept;

static enum status serve(struct portal *portal, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, OPCODE_COUNT);
    struct add in;

    CHECK(portal->slot != CAP_NONE);
    if (status != OK)
        return status;
    switch (d->opcode) {
    case OPCODE_ADD:
        dispatch_request(d, &in, sizeof(in));
        in.a += in.b;
        dispatch_reply(d, &in.a, 8);
        return OK;
    case OPCODE_KEEP: return cap_keep(dispatch_cap(d, 0), &kept);
    default:
        dispatch_reply_cap(d, (struct message_cap){ENV_SLOT_FREE - 1, RIGHT_ALL}); /* an empty slot */
        return OK;
    }
}

static message_tag serve_raw(struct portal *portal, message_tag tag, bool *park)
{
    (void)portal;
    (void)park;
    message_words()[0] = tag_label(tag) * 2;
    return tag_make(OK, 1, 0);
}

static struct portal portal = {.dispatch = serve}, raw_portal = {.raw = serve_raw},
                     mortal = {.dispatch = serve};
static struct signal signals[2];
static struct deferred deferred[2], finish;
static char order[32];
static unsigned order_length;

static void note(char c)
{
    if (order_length < sizeof(order) - 1)
        order[order_length++] = c;
}

static void on_signal_0(struct signal *signal)
{
    CHECK(signal == &signals[0]);
    entrypoint_defer(&env.entrypoint, &deferred[0]);
    entrypoint_defer(&env.entrypoint, &deferred[0]); /* is queued once */
    entrypoint_defer(&env.entrypoint, &deferred[1]);
    note('s');
}

static void on_signal_1(struct signal *signal)
{
    CHECK(signal == &signals[1]);
    note('S');
}

static void on_deferred(struct deferred *work)
{
    note(work == &deferred[0] ? 'd' : 'D');
}

static void on_finish(struct deferred *work)
{
    (void)work;
    portal_destroy(&mortal);
    entrypoint_stop(&env.entrypoint);
}

static void call_portals(void)
{
    struct add in = {40, 2};
    uint64_t out = 0;
    uint32_t notification;
    struct ipc add = {portal.slot, OPCODE_ADD, &in, sizeof(in), &out, 8, {0}, {0}, 0, 0, 0};

    CHECK_EQ(ipc_call(&add), OK);
    CHECK_EQ(out, 42);
    add.in_size = 8;
    CHECK_EQ(ipc_call(&add), ERR_INVALID);
    add.opcode = 99;
    CHECK_EQ(ipc_call(&add), ERR_UNSUPPORTED);
    CHECK_EQ(ipc_call(&(struct ipc){.portal = raw_portal.slot, .opcode = 21, .out = &out, .out_size = 8}),
             OK);
    CHECK_EQ(out, 42);

    CHECK_EQ(notification_create(&notification), OK);
    struct ipc keep = {.portal = portal.slot, .opcode = OPCODE_KEEP, .send = {notification}, .send_count = 1};

    for (int i = 0; i < 3; i++) { /* the places for received capabilities are empty again each time */
        CHECK_EQ(ipc_call(&keep), OK);
        notification_signal(kept);
        CHECK_EQ(notification_wait(notification, TIME_NEVER, &out), OK);
        cap_free(kept);
    }
    keep.send[0] = CAP_NONE;
    CHECK_EQ(ipc_call(&keep), ERR_CAP);
    notification_destroy(notification);

    struct ipc dead = {.portal = portal.slot, .opcode = OPCODE_DEAD_CAP, .receive_count = 1};

    CHECK_EQ(ipc_call(&dead), ERR_PEER_GONE);
    CHECK_EQ(ipc_call(&(struct ipc){.portal = ENV_SLOT_FREE - 1}), ERR_CAP);
}

static void be_the_client(void *argument)
{
    (void)argument;
    call_portals();
    notification_signal(signals[1].slot);
    notification_signal(signals[0].slot);
    thread_sleep_until(time_after_ns(5000000));
    entrypoint_defer(&env.entrypoint, &finish);
}

/* Runs the client below and against the entry point of the main thread. */
static void run_client(void)
{
    struct thread *thread;

    CHECK_EQ(thread_create(&(struct thread_options){.name = "client", .priority = 1}, be_the_client, NULL,
                           &thread),
             OK);
    entrypoint_run(&env.entrypoint);
    thread_join(thread);
}

static struct timeout timeouts[3];
static uint64_t expired_at[3];

static void on_timeout(struct timeout *timeout)
{
    unsigned i = (unsigned)(timeout - timeouts);

    expired_at[i] = time_now();
    note((char)('0' + i));
    if (i == 2)
        entrypoint_stop(&env.entrypoint);
}

static void test_timeouts(void)
{
    uint64_t start = time_now();

    test_case("timeouts come in time and in order");
    order_length = 0;
    for (unsigned i = 0; i < 3; i++)
        timeouts[i].expired = on_timeout;
    entrypoint_timeout_set(&env.entrypoint, &timeouts[2], start + time_to_ticks(3000000));
    entrypoint_timeout_set(&env.entrypoint, &timeouts[0], start + time_to_ticks(1000000));
    entrypoint_timeout_set(&env.entrypoint, &timeouts[1], start + time_to_ticks(2000000));
    entrypoint_timeout_set(&env.entrypoint, &timeouts[1], start);
    entrypoint_run(&env.entrypoint);
    CHECK_EQ(order[0], '1');
    CHECK_EQ(order[1], '0');
    CHECK_EQ(order[2], '2');
    CHECK(expired_at[0] >= start + time_to_ticks(1000000));
    CHECK(expired_at[2] >= start + time_to_ticks(3000000));
}

/* ---- waiting for one signal, while others wait ---- */

static struct signal waiter, awaited, bystander;

static void on_waiter(struct signal *signal)
{
    (void)signal;
    note('(');
    CHECK_EQ(entrypoint_wait(&env.entrypoint, signal_bits(&awaited), TIME_NEVER), OK);
    note(')');
    entrypoint_stop(&env.entrypoint);
}

static void on_awaited(struct signal *signal)
{
    (void)signal;
    note('a');
}

static void on_bystander(struct signal *signal)
{
    (void)signal;
    note('b');
}

static void test_wait(void)
{
    test_case("waiting for one signal leaves the others for later");
    order_length = 0;
    memset(order, 0, sizeof(order));
    CHECK_EQ(signal_create(&env.entrypoint, &waiter, on_waiter), OK);
    CHECK_EQ(signal_create(&env.entrypoint, &bystander, on_bystander), OK);
    CHECK_EQ(signal_create(&env.entrypoint, &awaited, on_awaited), OK);
    CHECK_EQ(entrypoint_wait(&env.entrypoint, signal_bits(&awaited), time_now()), ERR_TIMEOUT);
    notification_signal(bystander.slot);
    CHECK_EQ(entrypoint_wait(&env.entrypoint, signal_bits(&awaited), time_now()), ERR_TIMEOUT);
    notification_signal(awaited.slot);
    CHECK_EQ(entrypoint_wait(&env.entrypoint, signal_bits(&awaited), TIME_NEVER), OK);
    CHECK_EQ(strcmp(order, "a"), 0);

    /* In a handler too, also for one that came together with what the handler is for. */
    notification_signal(waiter.slot);
    notification_signal(awaited.slot);
    entrypoint_run(&env.entrypoint);
    CHECK_EQ(strcmp(order, "a(a)b"), 0);
    signal_destroy(&env.entrypoint, &waiter);
    signal_destroy(&env.entrypoint, &bystander);
    signal_destroy(&env.entrypoint, &awaited);
}

void test_entrypoint(void)
{
    struct portal *found = NULL;

    test_case("an entry point serves calls, signals and deferred work");
    CHECK_EQ(portal_create(&env.entrypoint, &portal), OK);
    CHECK_EQ(portal_create(&env.entrypoint, &raw_portal), OK);
    CHECK_EQ(portal_create(&env.entrypoint, &mortal), OK);
    CHECK_EQ(signal_create(&env.entrypoint, &signals[0], on_signal_0), OK);
    CHECK_EQ(signal_create(&env.entrypoint, &signals[1], on_signal_1), OK);
    deferred[0].run = deferred[1].run = on_deferred;
    finish.run = on_finish;
    run_client();
    CHECK_EQ(strcmp(order, "SsdD"), 0);

    test_case("a portal is known again, a foreign one and a destroyed one are not");
    CHECK_EQ(portal_identify(portal.slot, &found), OK);
    CHECK(found == &portal);
    CHECK_EQ(portal_identify(ENV_SLOT_PARENT, &found), ERR_NOT_FOUND);
    CHECK_EQ(portal_identify(ENV_SLOT_FREE - 1, &found), ERR_CAP);
    CHECK_EQ(ipc_call(&(struct ipc){.portal = portal.slot, .opcode = OPCODE_ADD}), ERR_DEADLOCK);
    uint32_t copy;

    CHECK_EQ(cap_copy(portal.slot, RIGHT_PORTAL_CALL, 0, &copy), OK);
    portal_destroy(&portal);
    CHECK_EQ(ipc_call(&(struct ipc){.portal = copy, .opcode = OPCODE_ADD}), ERR_PEER_GONE);
    cap_free(copy);
    portal_destroy(&raw_portal);
    signal_destroy(&env.entrypoint, &signals[0]);
    signal_destroy(&env.entrypoint, &signals[1]);
    test_wait();
    test_timeouts();
}
