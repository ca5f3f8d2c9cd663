/* SPDX-License-Identifier: MIT */
/*
 * The tables of doc/decision/0003-ipc.md, row by row where kernel_test.c does not have them: what happens to the others
 * when somebody dies, or is aborted, in the middle of a call.
 */
#include "kernel/ipc/ipc.h"
#include "kernel/object/space.h"
#include "kernel/sched/sched.h"
#include "kernel/test/machine.h"
#include "test/check.h"

/* A client in mid-call with a passive server; an urgent client and one with an event wait for their turn. */
struct scene {
    struct pd *client_pd, *server_pd;
    struct ec *client, *urgent, *faulting, *server;
    struct portal *portal;
};

static struct scene start(void)
{
    struct scene s;

    machine_start();
    s.client_pd = machine_pd(16);
    s.server_pd = machine_pd(16);
    s.client = machine_thread(s.client_pd, 10);
    s.server = machine_thread(s.server_pd, -1);
    s.portal = machine_portal(s.server, 42, s.client_pd, 20);
    machine_cap(s.client_pd, 60, s.client);
    CHECK(run_dispatch() == s.client);
    CHECK(CALL(s.client, 20, 0) == s.server);
    return s;
}

/* Both help the server now. */
static void add_waiting(struct scene *s)
{
    s->faulting = machine_thread(s->client_pd, 20);
    CHECK_EQ(ec_bind(s->faulting, THREAD_EVENT_EXCEPTION, &s->portal->object, 0), OK);
    CHECK(run_dispatch() == s->faulting);
    CHECK(run_exception(s->faulting, 6, 0) == s->server);
    s->urgent = machine_thread(s->client_pd, 30);
    machine_cap(s->client_pd, 61, s->urgent);
    CHECK(run_dispatch() == s->urgent);
    CHECK(CALL(s->urgent, 20, 0) == s->server);
    CHECK(s->faulting->state == EC_RETRY && s->urgent->state == EC_RETRY);
}

static void test_waiting_senders(void)
{
    struct scene s = start();

    CASE("the handler dies: those who wait for their turn learn it, events park");
    add_waiting(&s);
    ec_destroy(s.server);
    CHECK(s.urgent->state == EC_READY && s.urgent->regs.rax == ERR_PEER_GONE);
    CHECK(s.client->state == EC_READY && s.client->regs.rax == ERR_PEER_GONE);
    CHECK_EQ(s.faulting->state, EC_PARKED);
    CHECK(run_dispatch() == s.urgent);
    machine_stop();

    CASE("the portal dies: the call under way ends well, the next ones do not begin");
    s = start();
    add_waiting(&s);
    CHECK_EQ(object_destroy(&s.portal->object), OK);
    CHECK(REPLY_WAIT(s.server, tag_make(9, 0, 0), REPLY_SEND, 0, DEADLINE_NEVER) == s.urgent);
    CHECK_EQ(s.urgent->regs.rax, ERR_PEER_GONE);
    CHECK_EQ(s.client->regs.rax, OK);
    CHECK_EQ(s.client->regs.rdi, tag_make(9, 0, 0));
    ec_destroy(s.urgent);
    CHECK(run_dispatch() == s.client);
    CHECK_EQ(s.faulting->state, EC_PARKED);
    machine_stop();

    CASE("an aborted sender that waits for its turn returns, nobody else notices");
    s = start();
    add_waiting(&s);
    CHECK_EQ(ec_control(s.urgent, EC_ABORT), OK);
    CHECK(run_dispatch() == s.urgent);
    CHECK_EQ(s.urgent->regs.rax, ERR_ABORTED);
    CHECK(s.server->caller == s.client);
    CHECK_EQ(s.faulting->state, EC_RETRY);
    machine_stop();
}

static void test_chain(void)
{
    struct scene s = start();
    struct ec *deep = machine_thread(s.server_pd, -1);

    machine_portal(deep, 1, s.server_pd, 20);
    CASE("a handler in the middle dies: both sides of it are free");
    CHECK(CALL(s.server, 20, 0) == deep);
    ec_destroy(s.server);
    CHECK_EQ(s.client->regs.rax, ERR_PEER_GONE);
    CHECK(!deep->caller && deep->state == EC_READY);
    CHECK(run_dispatch() == s.client);
    machine_stop();

    CASE("the server's domain dies: the call returns");
    s = start();
    while (pd_destroy(s.server_pd) == ERR_AGAIN)
        ;
    CHECK_EQ(s.server_pd->objects_live, 0);
    CHECK(run_dispatch() == s.client);
    CHECK_EQ(s.client->regs.rax, ERR_PEER_GONE);
    machine_stop();

    CASE("a scheduling context outlives its context, with nothing to run");
    s = start();
    struct sc *sc = s.client->sc;

    ec_destroy(s.client);
    CHECK(sc->object.serial && !sc->ec);
    CHECK(run_dispatch() == 0);
    sc_change(sc, 50, 100000);
    CHECK(run_dispatch() == 0);
    sc_destroy(sc);
    machine_stop();
}

static void test_notification(void)
{
    struct scene s = start();
    struct notification *notification =
        account_object_alloc(s.server_pd, OBJECT_NOTIFICATION, sizeof(*notification));

    machine_cap(s.server_pd, 40, notification);
    (void)sc_create(s.server_pd, s.server, 5, 100000);
    CASE("the notification of a waiting server dies: the answer went out before, the wait fails");
    CHECK(REPLY_WAIT(s.server, 0, REPLY_SEND, 40, DEADLINE_NEVER) == s.client);
    CHECK_EQ(s.client->regs.rax, OK);
    CHECK_EQ(object_destroy(&notification->object), OK);
    CHECK(s.server->state == EC_READY && s.server->regs.rax == ERR_PEER_GONE);

    CASE("... and of a thread that waits for nothing else");
    notification = account_object_alloc(s.client_pd, OBJECT_NOTIFICATION, sizeof(*notification));
    machine_cap(s.client_pd, 40, notification);
    CHECK(run_hypercall(s.client, HYPERCALL_NOTIFICATION_WAIT, 40, DEADLINE_NEVER, 0, 0, 0, 0) == s.server);
    CHECK_EQ(object_destroy(&notification->object), OK);
    CHECK(run_dispatch() == s.client);
    CHECK_EQ(s.client->regs.rax, ERR_PEER_GONE);
    machine_stop();
}

static void test_abort_and_park(void)
{
    struct scene s = start();

    CASE("a parked call is out of reach of abort; resumed, it returns ERR_ABORTED");
    CHECK(REPLY_WAIT(s.server, 0, REPLY_PARK, 0, DEADLINE_NEVER) == 0);
    CHECK_EQ(ec_control(s.client, EC_ABORT), OK);
    CHECK_EQ(s.client->state, EC_PARKED);
    CHECK_EQ(ec_control(s.client, EC_RESUME), OK);
    CHECK(run_dispatch() == s.client);
    CHECK_EQ(s.client->regs.rax, ERR_ABORTED);

    CASE("an aborted event parks its context");
    CHECK_EQ(ec_bind(s.client, THREAD_EVENT_EXCEPTION, &s.portal->object, 0), OK);
    CHECK(run_exception(s.client, 6, 0) == s.server);
    CHECK_EQ(ec_control(s.client, EC_ABORT), OK);
    CHECK_EQ(s.client->state, EC_PARKED);
    CHECK(!s.server->caller);
    machine_stop();

    CASE("a recall in mid-call is delivered after the call");
    s = start();
    CHECK_EQ(ec_bind(s.client, THREAD_EVENT_RECALL, &s.portal->object, THREAD_GROUP_GPR), OK);
    CHECK_EQ(ec_control(s.client, EC_RECALL), OK);
    CHECK(REPLY_WAIT(s.server, tag_make(7, 0, 0), REPLY_SEND, 0, DEADLINE_NEVER) == s.server);
    CHECK_EQ(tag_label(s.server->regs.rsi), THREAD_EVENT_RECALL);
    CHECK_EQ(((struct thread_state *)s.server->area->words)->rdi, tag_make(7, 0, 0));
    machine_stop();
}

static void test_vcpu(void)
{
    struct scene s = start();
    struct guest_space *space = guest_space_create(s.server_pd);
    struct ec *vcpu = vcpu_create(s.server_pd, space, 0);

    CASE("a virtual CPU dies in its exit: the monitor's reply goes nowhere");
    (void)REPLY_WAIT(s.server, 0, REPLY_SEND, 0, DEADLINE_NEVER);
    (void)sc_create(s.server_pd, vcpu, 30, 100000);
    CHECK_EQ(ec_bind(vcpu, VCPU_EXIT_HLT, &s.portal->object, VCPU_GROUP_IP), OK);
    CHECK_EQ(ec_control(vcpu, EC_RESUME), OK);
    CHECK(run_dispatch() == vcpu);
    CHECK(run_vcpu_exit(vcpu, VCPU_EXIT_HLT) == s.server);
    ec_destroy(vcpu);
    CHECK(!s.server->caller);
    CHECK(run_dispatch() == s.client);

    CASE("... and drives the next caller's request first, to its end");
    CHECK(CALL(s.client, 20, 0) == s.server);
    CHECK_EQ(s.client->state, EC_RETRY);
    CHECK(REPLY_WAIT(s.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == s.server);
    CHECK(s.server->caller == s.client);
    machine_stop();
}

int main(void)
{
    test_waiting_senders();
    test_chain();
    test_notification();
    test_abort_and_park();
    test_vcpu();
    return check_finish();
}
