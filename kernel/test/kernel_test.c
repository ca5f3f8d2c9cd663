/* SPDX-License-Identifier: MIT */
/*
 * Objects, accounts, capabilities, calls and scheduling of the generic kernel, run as a host program.
 */
#include "kernel/object/space.h"
#include "kernel/sched/sched.h"
#include "kernel/test/machine.h"
#include "test/check.h"

/* Destroys a PD with everything in it and checks that its account comes back to nothing. */
static void check_account_ends(struct pd *pd)
{
    uint64_t frames = pd->frames_owned;
    uint64_t taken = 0;
    uint64_t physical;
    enum status status;

    while ((status = pd_destroy(pd)) == ERR_AGAIN)
        ;
    CHECK_EQ(status, ERR_BUSY);
    CHECK_EQ(pd->frames_used, 0);
    CHECK_EQ(pd->objects_live, 0);
    while (account_take(pd, &physical))
        taken++;
    CHECK_EQ(taken, frames);
    CHECK_EQ(pd_destroy(pd), OK);
}

static void test_account(void)
{
    struct pd *pd;
    struct object *objects[200];
    uint64_t used;

    CASE("objects fill an account, freeing them brings it back");
    machine_start();
    pd = machine_pd(16);
    used = pd->frames_used;
    for (unsigned i = 0; i < 200; i++)
        objects[i] = account_object_alloc(pd, OBJECT_PORTAL, i % 3 ? 64 : 256);
    CHECK(objects[199]);
    CHECK(pd->frames_used > used);
    for (unsigned i = 0; i < 200; i++)
        account_object_free(objects[(i * 7) % 200]);
    CHECK_EQ(pd->frames_used, used);

    CASE("an empty account refuses, and changes nothing");
    for (used = 0; account_frame_alloc(pd); used++)
        ;
    CHECK(!account_object_alloc(pd, OBJECT_PORTAL, 1024));
    CHECK_EQ(pd->frames_used, pd->frames_owned);
    machine_stop();
}

static void test_capabilities(void)
{
    struct pd *pd, *other;
    struct ec *thread;
    struct portal *portal;
    void *found;

    CASE("a destroyed object leaves stale slots only");
    machine_start();
    pd = machine_pd(16);
    other = machine_pd(16);
    thread = machine_thread(pd, 1);
    portal = machine_portal(thread, 7, pd, 20);
    machine_cap(other, 21, portal);
    CHECK(run_dispatch() == thread);
    CHECK_EQ(cap_lookup(other->cap_space, 21, OBJECT_PORTAL, RIGHT_PORTAL_CALL, &found), OK);
    CHECK_EQ(cap_lookup(other->cap_space, 21, OBJECT_PD, 0, &found), ERR_CAP);
    CHECK_EQ(run_hypercall(thread, HYPERCALL_DESTROY, 20, 0, 0, 0, 0, 0) == thread, true);
    CHECK_EQ(thread->regs.rax, OK);
    CHECK_EQ(cap_lookup(other->cap_space, 21, OBJECT_PORTAL, 0, &found), ERR_CAP);

    CASE("memory used again does not revive a slot");
    machine_portal(thread, 8, pd, 22);
    CHECK_EQ(cap_lookup(other->cap_space, 21, OBJECT_PORTAL, 0, &found), ERR_CAP);

    CASE("rights shrink on copies; missing ones deny");
    run_hypercall(thread, HYPERCALL_CAP_COPY, CAP_NONE, 30, 22, RIGHT_DESTROY, 0, 0);
    CHECK_EQ(thread->regs.rax, OK);
    CHECK_EQ(cap_lookup(pd->cap_space, 30, OBJECT_PORTAL, RIGHT_PORTAL_CALL, &found), ERR_DENIED);
    run_hypercall(thread, HYPERCALL_CAP_COPY, CAP_NONE, 30, 22, RIGHT_ALL, 0, 0);
    CHECK_EQ(thread->regs.rax, ERR_EXISTS);
    run_hypercall(thread, HYPERCALL_CAP_COPY, CAP_NONE, 9999, 22, RIGHT_ALL, 0, 0);
    CHECK_EQ(thread->regs.rax, ERR_RANGE);
    run_hypercall(thread, HYPERCALL_CAP_DROP, CAP_NONE, 30, 0, 0, 0, 0);
    CHECK_EQ(cap_lookup(pd->cap_space, 30, OBJECT_PORTAL, 0, &found), ERR_CAP);

    CASE("identify works for the owner only");
    machine_cap(pd, 31, pd);
    machine_cap(other, 31, other);
    run_hypercall(thread, HYPERCALL_CAP_IDENTIFY, 31, 22, 0, 0, 0, 0);
    CHECK_EQ(thread->regs.rax, OK);
    CHECK_EQ(thread->regs.rdi, 8);
    machine_cap(pd, 32, other);
    run_hypercall(thread, HYPERCALL_CAP_IDENTIFY, 32, 22, 0, 0, 0, 0);
    CHECK_EQ(thread->regs.rax, ERR_NOT_FOUND);

    CASE("accounts end at nothing");
    check_account_ends(pd);
    check_account_ends(other);
    machine_stop();
}

/* Client with its own scheduling context, passive server, portal in slot 20 of the client. */
struct pair {
    struct pd *client_pd, *server_pd;
    struct ec *client, *server;
};

static struct pair start_pair(void)
{
    struct pair pair;

    machine_start();
    pair.client_pd = machine_pd(16);
    pair.server_pd = machine_pd(16);
    pair.client = machine_thread(pair.client_pd, 10);
    pair.server = machine_thread(pair.server_pd, -1);
    machine_portal(pair.server, 42, pair.client_pd, 20);
    CHECK(run_dispatch() == pair.client);
    return pair;
}

static void end_pair(struct pair *pair)
{
    check_account_ends(pair->client_pd);
    check_account_ends(pair->server_pd);
    machine_stop();
}

static void test_call(void)
{
    struct pair p = start_pair();

    CASE("a call carries words, id and tag, and the reply comes back");
    p.client->area->words[0] = 11;
    p.client->area->words[1] = 22;
    CHECK(CALL(p.client, 20, tag_make(5, 2, 0)) == p.server);
    CHECK_EQ(p.server->regs.rdi, 42);
    CHECK_EQ(p.server->regs.rsi, tag_make(5, 2, 0));
    CHECK_EQ(p.server->regs.rdx, WAKE_CALL);
    CHECK_EQ(p.server->area->words[1], 22);
    p.server->area->words[0] = 33;
    CHECK(REPLY_WAIT(p.server, tag_make(9, 1, 0), REPLY_SEND, 0, DEADLINE_NEVER) == p.client);
    CHECK_EQ(p.client->regs.rax, OK);
    CHECK_EQ(p.client->regs.rdi, tag_make(9, 1, 0));
    CHECK_EQ(p.client->area->words[0], 33);

    CASE("bad calls return an error and disturb nobody");
    CALL(p.client, 21, 0);
    CHECK_EQ(p.client->regs.rax, ERR_CAP);
    CALL(p.client, 0, 0);
    CHECK_EQ(p.client->regs.rax, ERR_CAP);
    CALL(p.client, 1ull << 40, 0);
    CHECK_EQ(p.client->regs.rax, ERR_CAP);
    CALL(p.client, 20, tag_make(0, MESSAGE_WORDS + 1, 0));
    CHECK_EQ(p.client->regs.rax, ERR_INVALID);
    CALL(p.client, 20, tag_make(0, 0, MESSAGE_CAPS + 1));
    CHECK_EQ(p.client->regs.rax, ERR_INVALID);
    CHECK_EQ(p.server->state, EC_WAIT);

    CASE("a server that has a caller must answer or park it");
    CALL(p.client, 20, 0);
    CHECK(REPLY_WAIT(p.server, 0, 0, 0, DEADLINE_NEVER) == p.server);
    CHECK_EQ(p.server->regs.rax, ERR_INVALID);
    CHECK(REPLY_WAIT(p.server, 0, REPLY_PARK, 0, DEADLINE_NEVER) == 0);
    CHECK_EQ(p.client->state, EC_PARKED);
    end_pair(&p);
}

static void test_transfer(void)
{
    struct pair p = start_pair();
    struct notification *notification;
    void *found;

    notification = account_object_alloc(p.client_pd, OBJECT_NOTIFICATION, sizeof(*notification));
    machine_cap(p.client_pd, 40, notification);

    CASE("capabilities go only where the receiver has room");
    p.client->area->send[0] = (struct message_cap){40, RIGHT_NOTIFICATION_SIGNAL};
    CALL(p.client, 20, tag_make(0, 0, 1));
    CHECK_EQ(p.client->regs.rax, ERR_OVERFLOW);
    p.server->area->receive_base = 50;
    p.server->area->receive_count = 1;
    CHECK(CALL(p.client, 20, tag_make(0, 0, 1)) == p.server);
    CHECK_EQ(cap_lookup(p.server_pd->cap_space, 50, OBJECT_NOTIFICATION, RIGHT_NOTIFICATION_SIGNAL, &found),
             OK);
    CHECK_EQ(cap_lookup(p.server_pd->cap_space, 50, OBJECT_NOTIFICATION, RIGHT_NOTIFICATION_WAIT, &found),
             ERR_DENIED);
    REPLY_WAIT(p.server, 0, REPLY_SEND, 0, DEADLINE_NEVER);

    CASE("an occupied receive slot refuses, a stale source is the sender's error");
    CALL(p.client, 20, tag_make(0, 0, 1));
    CHECK_EQ(p.client->regs.rax, ERR_OVERFLOW);
    p.server->area->receive_base = 51;
    p.client->area->send[0].slot = 41;
    CALL(p.client, 20, tag_make(0, 0, 1));
    CHECK_EQ(p.client->regs.rax, ERR_CAP);

    CASE("a reply with capabilities that the caller does not take arrives without them");
    p.client->area->send[0].slot = 40;
    CHECK(CALL(p.client, 20, 0) == p.server);
    p.server->area->send[0] = (struct message_cap){50, RIGHT_ALL};
    CHECK(REPLY_WAIT(p.server, tag_make(3, 0, 1), REPLY_SEND, 0, DEADLINE_NEVER) == p.client);
    CHECK_EQ(p.client->regs.rdi, tag_make(3, 0, 0));
    end_pair(&p);
}

static void test_death(void)
{
    struct pair p = start_pair();

    CASE("the handler dies in mid-call: ERR_PEER_GONE, then and later");
    CHECK(CALL(p.client, 20, 0) == p.server);
    ec_destroy(p.server);
    CHECK(run_dispatch() == p.client);
    CHECK_EQ(p.client->regs.rax, ERR_PEER_GONE);
    CALL(p.client, 20, 0);
    CHECK_EQ(p.client->regs.rax, ERR_PEER_GONE);
    end_pair(&p);

    CASE("the caller dies in mid-call: the handler finishes, its reply goes nowhere");
    p = start_pair();
    (void)sc_create(p.server_pd, p.server, 5, 100000);
    CHECK(CALL(p.client, 20, 0) == p.server);
    ec_destroy(p.client);
    CHECK(run_dispatch() == p.server);
    CHECK(!p.server->caller);
    CHECK(REPLY_WAIT(p.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == 0);
    CHECK(p.server->state == EC_WAIT && p.server->accepts);
    end_pair(&p);

    CASE("an aborted call returns, the handler is free after its reply");
    p = start_pair();
    CHECK(CALL(p.client, 20, 0) == p.server);
    struct ec *watchdog = machine_thread(p.client_pd, 20);

    machine_cap(p.client_pd, 60, p.client);
    CHECK(run_dispatch() == watchdog);
    run_hypercall(watchdog, HYPERCALL_EC_CONTROL, 60, EC_ABORT, 0, 0, 0, 0);
    CHECK_EQ(p.client->regs.rax, ERR_ABORTED);
    CHECK_EQ(p.client->state, EC_READY);
    CHECK_EQ(p.server->state, EC_READY);
    CHECK(!p.server->caller);
    ec_destroy(watchdog);
    CHECK(run_dispatch() == p.client);
    CHECK(CALL(p.client, 20, 0) == p.server);
    CHECK_EQ(p.client->state, EC_RETRY);
    CHECK(REPLY_WAIT(p.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == p.server);
    CHECK_EQ(p.client->state, EC_CALLING);
    end_pair(&p);

    CASE("a scheduling context dies in mid-call: whoever helps drives the chain on");
    p = start_pair();
    struct ec *second = machine_thread(p.client_pd, 5);

    CHECK(CALL(p.client, 20, 0) == p.server);
    sc_destroy(p.client->sc);
    CHECK(run_dispatch() == second);
    CHECK(CALL(second, 20, 0) == p.server);
    CHECK_EQ(second->state, EC_RETRY);
    CHECK(REPLY_WAIT(p.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == p.server);
    CHECK_EQ(p.client->state, EC_READY);
    CHECK(p.server->caller == second);
    end_pair(&p);
}

static void test_helping(void)
{
    struct pair p = start_pair();
    struct ec *urgent;

    CASE("a more urgent caller helps a busy handler, and is served next");
    CHECK(CALL(p.client, 20, 0) == p.server);
    urgent = machine_thread(p.client_pd, 50);
    CHECK(run_dispatch() == urgent);
    CHECK(CALL(urgent, 20, tag_make(1, 0, 0)) == p.server);
    CHECK(cpu_self()->sc->ec == urgent);
    CHECK(REPLY_WAIT(p.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == p.server);
    CHECK(p.server->caller == urgent);
    CHECK_EQ(p.server->regs.rsi, tag_make(1, 0, 0));

    CASE("a call that would wait for itself is refused");
    machine_portal(urgent, 1, p.server_pd, 20);
    CHECK(CALL(p.server, 20, 0) == p.server);
    CHECK_EQ(p.server->regs.rax, ERR_DEADLOCK);
    end_pair(&p);
}

static void test_notification(void)
{
    struct pair p = start_pair();
    struct notification *notification =
        account_object_alloc(p.client_pd, OBJECT_NOTIFICATION, sizeof(*notification));
    struct ec *waiter = machine_thread(p.client_pd, 50);

    machine_cap(p.client_pd, 40, notification);
    CASE("badges add up until somebody waits");
    CHECK(run_dispatch() == waiter);
    CHECK(run_hypercall(waiter, HYPERCALL_NOTIFICATION_WAIT, 40, DEADLINE_NEVER, 0, 0, 0, 0) == p.client);
    run_hypercall(p.client, HYPERCALL_CAP_COPY, CAP_NONE, 41, 40, RIGHT_NOTIFICATION_SIGNAL, 6, 0);
    CHECK_EQ(p.client->regs.rax, OK);
    CHECK(run_hypercall(p.client, HYPERCALL_NOTIFICATION_SIGNAL, 41, 0, 0, 0, 0, 0) == waiter);
    CHECK_EQ(waiter->regs.rdi, 6);
    CHECK_EQ(p.client->regs.rax, OK);
    run_hypercall(waiter, HYPERCALL_NOTIFICATION_SIGNAL, 41, 0, 0, 0, 0, 0);
    run_hypercall(waiter, HYPERCALL_NOTIFICATION_SIGNAL, 40, 0, 0, 0, 0, 0);
    CHECK(run_hypercall(waiter, HYPERCALL_NOTIFICATION_WAIT, 40, DEADLINE_NEVER, 0, 0, 0, 0) == waiter);
    CHECK_EQ(waiter->regs.rdi, 7);

    CASE("a badge cannot be changed, nor waited with a signal capability");
    run_hypercall(waiter, HYPERCALL_CAP_COPY, CAP_NONE, 42, 41, RIGHT_ALL, 8, 0);
    CHECK_EQ(waiter->regs.rax, ERR_DENIED);
    run_hypercall(waiter, HYPERCALL_NOTIFICATION_WAIT, 41, DEADLINE_NEVER, 0, 0, 0, 0);
    CHECK_EQ(waiter->regs.rax, ERR_DENIED);

    CASE("a timeout is absolute and arms the timer");
    CHECK(run_hypercall(waiter, HYPERCALL_NOTIFICATION_WAIT, 40, 50000, 0, 0, 0, 0) == p.client);
    CHECK_EQ(processor.timer, 50000);
    CHECK(run_time(49999) == p.client);
    CHECK(run_time(50000) == waiter);
    CHECK_EQ(waiter->regs.rax, ERR_TIMEOUT);
    end_pair(&p);
}

static void test_server_notification(void)
{
    struct pair p = start_pair();
    struct notification *notification =
        account_object_alloc(p.server_pd, OBJECT_NOTIFICATION, sizeof(*notification));

    machine_cap(p.server_pd, 40, notification);
    machine_cap(p.client_pd, 40, notification);
    (void)sc_create(p.server_pd, p.server, 5, 100000);

    CASE("one wait, many sources: a call while waiting, then a signal with the reply");
    CHECK(CALL(p.client, 20, 0) == p.server);
    notification_signal(notification, 4);
    CHECK(REPLY_WAIT(p.server, 0, REPLY_SEND, 40, DEADLINE_NEVER) == p.client);
    CHECK_EQ(p.server->regs.rdx, WAKE_NOTIFICATION);
    CHECK_EQ(p.server->regs.rdi, 4);
    CHECK(run_hypercall(p.client, HYPERCALL_NOTIFICATION_WAIT, 0, DEADLINE_NEVER, 0, 0, 0, 0) == p.server);
    CHECK(REPLY_WAIT(p.server, 0, 0, 40, 90000) == 0);
    CHECK(run_time(90000) == p.server);
    CHECK_EQ(p.server->regs.rdx, WAKE_TIMEOUT);
    end_pair(&p);
}

static void test_round_robin(void)
{
    struct pair p = start_pair();
    struct ec *equal = machine_thread(p.client_pd, 10);

    CASE("equal priorities take turns at the end of a budget");
    CHECK(run_time(processor.timer) == equal);
    CHECK(run_time(processor.timer) == p.client);
    CHECK(run_time(processor.timer) == equal);

    CASE("a lower priority runs only when nothing above does");
    struct ec *low = machine_thread(p.client_pd, 1);

    CHECK(run_time(processor.timer) == p.client);

    CASE("whoever is given the processor leaves a timer alone that fires before the end of its turn");
    uint64_t armed = processor.timer;

    processor.tsc = armed - 1000;
    CHECK(run_hypercall(p.client, HYPERCALL_NOTIFICATION_WAIT, 0, DEADLINE_NEVER, 0, 0, 0, 0) == equal);
    CHECK_EQ(processor.timer, armed);
    CHECK(run_time(armed) == equal);
    CHECK(processor.timer > armed);
    CHECK_EQ(processor.timer, cpu_self()->slice_end);
    CHECK(run_hypercall(equal, HYPERCALL_NOTIFICATION_WAIT, 0, DEADLINE_NEVER, 0, 0, 0, 0) == low);
    end_pair(&p);
}

static void test_events(void)
{
    struct pair p = start_pair();
    struct portal *portal = machine_portal(p.server, 77, p.server_pd, 60);
    struct thread_state *state = (struct thread_state *)p.server->area->words;

    CASE("a page fault becomes a message; the reply repairs the state");
    CHECK_EQ(ec_bind(p.client, THREAD_EVENT_PAGE_FAULT, &portal->object,
                     THREAD_GROUP_IP | THREAD_GROUP_EVENT | THREAD_GROUP_GPR),
             OK);
    p.client->regs.rip = 0x1000;
    CHECK(run_exception(p.client, 14, 0xdead) == p.server);
    CHECK_EQ(p.server->regs.rdi, 77);
    CHECK_EQ(tag_label(p.server->regs.rsi), THREAD_EVENT_PAGE_FAULT);
    CHECK_EQ(state->fault_address, 0xdead);
    CHECK_EQ(state->rip, 0x1000);
    state->groups = THREAD_GROUP_IP;
    state->rip = 0x2000;
    state->rflags = ~0ull;
    CHECK(REPLY_WAIT(p.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == p.client);
    CHECK_EQ(p.client->regs.rip, 0x2000);
    CHECK_EQ(p.client->regs.rflags & 0x3000, 0);

    CASE("a parked thread's state is read by groups that exist");
    machine_cap(p.server_pd, 61, p.client);
    p.client->state = EC_PARKED;
    CHECK(run_dispatch() == 0);
    p.server->state = EC_READY;
    (void)sc_create(p.server_pd, p.server, 5, 100000);
    CHECK(run_dispatch() == p.server);
    CHECK(run_hypercall(p.server, HYPERCALL_STATE_READ, 61, THREAD_GROUP_IP, 0, 0, 0, 0) == p.server);
    CHECK_EQ(p.server->regs.rax, OK);
    CHECK_EQ(state->rip, 0x2000);
    run_hypercall(p.server, HYPERCALL_STATE_READ, 61, THREAD_GROUP_ALL + 1, 0, 0, 0, 0);
    CHECK_EQ(p.server->regs.rax, ERR_INVALID);
    run_hypercall(p.server, HYPERCALL_STATE_WRITE, 61, 1ull << 63, 0, 0, 0, 0);
    CHECK_EQ(p.server->regs.rax, ERR_INVALID);
    sc_destroy(p.server->sc);
    p.server->state = EC_WAIT;
    CHECK_EQ(ec_control(p.client, EC_RESUME), OK);
    CHECK(run_dispatch() == p.client);

    CASE("an unbound event parks; recall is delivered at the next entry");
    CHECK(run_exception(p.client, 6, 0) == 0);
    CHECK_EQ(p.client->state, EC_PARKED);
    CHECK_EQ(ec_bind(p.client, THREAD_EVENT_RECALL, &portal->object, 0), OK);
    CHECK_EQ(ec_control(p.client, EC_RECALL), OK);
    CHECK_EQ(ec_control(p.client, EC_RESUME), OK);
    CHECK(run_dispatch() == p.server);
    CHECK_EQ(tag_label(p.server->regs.rsi), THREAD_EVENT_RECALL);
    CHECK_EQ(ec_bind(p.client, THREAD_EVENT_COUNT, &portal->object, 0), ERR_RANGE);
    end_pair(&p);
}

static void test_vcpu(void)
{
    struct pair p = start_pair();
    struct portal *portal = machine_portal(p.server, 99, p.server_pd, 60);
    struct guest_space *space = guest_space_create(p.server_pd);
    struct ec *vcpu = vcpu_create(p.server_pd, space, 0);
    struct vcpu_state *state = (struct vcpu_state *)p.server->area->words;

    CASE("a virtual CPU runs on its scheduling context and exits to its handler");
    CHECK(vcpu);
    (void)sc_create(p.server_pd, vcpu, 30, 100000);
    CHECK_EQ(ec_bind(vcpu, VCPU_EXIT_HLT, &portal->object, VCPU_GROUP_IP), OK);
    CHECK_EQ(ec_control(vcpu, EC_RESUME), OK);
    CHECK(run_dispatch() == vcpu);
    vcpu->regs.rip = 5;
    CHECK(run_vcpu_exit(vcpu, VCPU_EXIT_HLT) == p.server);
    CHECK_EQ(state->rip, 5);
    CHECK_EQ(tag_words(p.server->regs.rsi), VCPU_STATE_WORDS);

    CASE("a state that cannot be is the replier's error, and can be repaired");
    state->groups = VCPU_GROUP_IP;
    state->rip = HOST_BAD_RIP;
    CHECK(REPLY_WAIT(p.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == p.server);
    CHECK_EQ(p.server->regs.rax, ERR_INVALID);
    state->rip = 7;
    CHECK(REPLY_WAIT(p.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == vcpu);
    CHECK_EQ(vcpu->regs.rip, 7);

    CASE("parked, it waits for resume; without its guest space it never enters");
    CHECK(run_vcpu_exit(vcpu, VCPU_EXIT_HLT) == p.server);
    CHECK(REPLY_WAIT(p.server, 0, REPLY_PARK, 0, DEADLINE_NEVER) == p.client);
    CHECK_EQ(ec_control(vcpu, EC_RESUME), OK);
    CHECK(run_dispatch() == vcpu);
    CHECK_EQ(object_destroy(&space->object), OK);
    CHECK(run_dispatch() == p.client);
    CHECK_EQ(vcpu->state, EC_PARKED);
    end_pair(&p);
}

static void test_blocked_chain(void)
{
    struct pair p = start_pair();
    struct ec *last = machine_thread(p.server_pd, -1);
    struct ec *watchdog;

    CASE("a call is aborted although its chain ends at a third that waits");
    machine_portal(last, 1, p.server_pd, 20);
    CHECK(CALL(p.client, 20, 0) == p.server);
    CHECK(CALL(p.server, 20, 0) == last);
    CHECK(run_hypercall(last, HYPERCALL_NOTIFICATION_WAIT, 0, DEADLINE_NEVER, 0, 0, 0, 0) == 0);
    watchdog = machine_thread(p.client_pd, 20);
    machine_cap(p.client_pd, 60, p.client);
    CHECK(run_dispatch() == watchdog);
    run_hypercall(watchdog, HYPERCALL_EC_CONTROL, 60, EC_ABORT, 0, 0, 0, 0);
    CHECK(run_hypercall(watchdog, HYPERCALL_NOTIFICATION_WAIT, 0, DEADLINE_NEVER, 0, 0, 0, 0) == p.client);
    CHECK_EQ(p.client->regs.rax, ERR_ABORTED);
    end_pair(&p);

    CASE("a server goes on with its own scheduling context when its client's dies");
    p = start_pair();
    (void)sc_create(p.server_pd, p.server, 5, 100000);
    CHECK(run_hypercall(p.client, HYPERCALL_NOTIFICATION_WAIT, 0, processor.tsc + 5, 0, 0, 0, 0) == 0);
    CHECK(run_time(processor.tsc + 5) == p.client);
    CHECK(CALL(p.client, 20, 0) == p.server);
    sc_destroy(p.client->sc);
    CHECK(run_dispatch() == p.server);
    CHECK(cpu_self()->sc == p.server->sc);
    end_pair(&p);

    CASE("a server that aborts its own caller does not go on with its time");
    p = start_pair();
    machine_cap(p.server_pd, 60, p.client);
    CHECK(CALL(p.client, 20, 0) == p.server);
    CHECK(run_hypercall(p.server, HYPERCALL_EC_CONTROL, 60, EC_ABORT, 0, 0, 0, 0) == p.client);
    end_pair(&p);
}

static void test_former_waiter(void)
{
    struct pair p = start_pair();
    struct notification *notification =
        account_object_alloc(p.client_pd, OBJECT_NOTIFICATION, sizeof(*notification));
    struct ec *other = machine_thread(p.client_pd, 10);

    CASE("who waited at a notification forgets it when another does");
    machine_cap(p.client_pd, 40, notification);
    CHECK(run_hypercall(p.client, HYPERCALL_NOTIFICATION_WAIT, 40, DEADLINE_NEVER, 0, 0, 0, 0) == other);
    notification_signal(notification, 1);
    CHECK(run_hypercall(other, HYPERCALL_NOTIFICATION_WAIT, 40, DEADLINE_NEVER, 0, 0, 0, 0) == p.client);
    CHECK(notification->waiter == other && !p.client->waits_for);
    end_pair(&p);
}

static void test_many_events(void)
{
    struct pair p = start_pair();
    struct portal *portal = machine_portal(p.server, 77, p.server_pd, 60);
    struct ec *faulting[6];

    CASE("events whose portal is gone are parked one after the other, each on an empty stack");
    CHECK(CALL(p.client, 20, 0) == p.server);
    for (unsigned i = 0; i < 6; i++) {
        faulting[i] = machine_thread(p.client_pd, 20);
        CHECK_EQ(ec_bind(faulting[i], THREAD_EVENT_EXCEPTION, &portal->object, 0), OK);
    }
    CHECK(run_dispatch() == faulting[0]);
    for (unsigned i = 0; i < 6; i++) {
        CHECK(run_exception(faulting[i], 6, 0) == p.server);
        if (i < 5)
            CHECK(run_time(processor.timer) == faulting[i + 1]);
    }
    account_object_free(&portal->object);
    processor.restarts = 0;
    CHECK(REPLY_WAIT(p.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == p.client);
    CHECK_EQ(processor.restarts, 6);
    for (unsigned i = 0; i < 6; i++)
        CHECK_EQ(faulting[i]->state, EC_PARKED);
    end_pair(&p);
}

static void test_budget(void)
{
    struct pair p = start_pair();

    CASE("a budget that no time can end is refused");
    machine_cap(p.client_pd, 50, p.client->sc);
    run_hypercall(p.client, HYPERCALL_SC_CONTROL, 50, 10, UINT64_MAX, 0, 0, 0);
    CHECK_EQ(p.client->regs.rax, ERR_RANGE);
    machine_cap(p.client_pd, 51, p.client_pd);
    machine_cap(p.client_pd, 52, p.server);
    run_hypercall(p.client, HYPERCALL_CREATE, OBJECT_SC, 51, 53, 52, 10, UINT64_MAX);
    CHECK_EQ(p.client->regs.rax, ERR_RANGE);
    end_pair(&p);
}

static void test_nested(void)
{
    struct pd *nest[20] = {0};
    uint64_t physical;

    CASE("a deep nest of domains ends from the inside, each when its frames are taken");
    machine_start();
    nest[0] = machine_pd(40);
    for (unsigned i = 1; i < 20; i++) {
        nest[i] = pd_create(nest[i - 1]);
        REQUIRE(nest[i] && account_take(nest[0], &physical));
        account_give(nest[i], physical);
    }
    for (unsigned i = 19; i > 0; i--) {
        CHECK_EQ(pd_destroy(nest[0]), ERR_BUSY);
        CHECK(account_take(nest[i], &physical));
        CHECK_EQ(pd_destroy(nest[0]), ERR_AGAIN);
    }
    check_account_ends(nest[0]);
    machine_stop();
}

int main(void)
{
    test_account();
    test_capabilities();
    test_call();
    test_transfer();
    test_death();
    test_helping();
    test_notification();
    test_server_notification();
    test_round_robin();
    test_events();
    test_vcpu();
    test_blocked_chain();
    test_former_waiter();
    test_many_events();
    test_budget();
    test_nested();
    return check_finish();
}
