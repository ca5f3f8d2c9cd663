/* SPDX-License-Identifier: MIT */
/*
 * Two CPUs: what happens to a call from one to the other when somebody dies, is aborted or parked (doc/decision/0003-ipc.md,
 * 0010-smp.md). A CPU that does not run a test's hypercall is in user mode or idle: it stops when it is asked to, and takes
 * an interrupt when the test says so.
 */
#include "kernel/ipc/ipc.h"
#include "kernel/object/space.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"
#include "kernel/test/machine.h"
#include "test/check.h"

#define HOME  0u /* the client's CPU */
#define THERE 1u /* the server's */

#define EVERY_FRAME 1024u

struct scene {
    struct pd *client_pd, *server_pd;
    struct ec *client, *other, *server;
    struct portal *portal;
};

static void acknowledge_stops(void)
{
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpus[i]->stop == CPU_STOP_ASKED)
            cpus[i]->stop = CPU_STOPPED;
}

static void arrived(uint64_t unused)
{
    (void)unused;
    cpu_interrupted();
}

/* The CPU takes the interrupt that another one sent; returns what it runs then. */
static struct ec *interrupt(unsigned cpu)
{
    machine_switch(cpu);
    return run_function(arrived, 0);
}

static struct ec *dispatch_on(unsigned cpu)
{
    machine_switch(cpu);
    return run_dispatch();
}

/* Something is done as hypercalls do it that need all CPUs to stop. */
static void with_lock(void (*function)(void *), void *argument)
{
    kernel_lock();
    cpus_stop();
    function(argument);
    kernel_unlock();
}

static void destroy(void *object)
{
    CHECK_EQ(object_destroy(object), OK);
}

static void destroy_context(void *context)
{
    ec_destroy(context);
}

static void destroy_sc(void *sc)
{
    sc_destroy(sc);
}

static void abort_send(void *context)
{
    CHECK_EQ(ec_control(context, EC_ABORT), OK);
}

static uint64_t area(unsigned number)
{
    return (EVERY_FRAME - 16 + number) * FRAME_SIZE;
}

/* Two clients on HOME, a server that waits on THERE. */
static struct scene start(void)
{
    struct scene s;

    host_hooks = (struct host_hooks){.pause_opt = acknowledge_stops};
    machine_start_cpus(2, EVERY_FRAME);
    s.client_pd = machine_pd(24);
    s.server_pd = machine_pd(24);
    s.client = machine_thread_on(s.client_pd, 20, HOME, area(0));
    s.other = machine_thread_on(s.client_pd, 10, HOME, area(1));
    machine_switch(THERE);
    s.server = machine_thread_on(s.server_pd, 10, THERE, area(2));
    s.portal = machine_portal(s.server, 42, s.client_pd, 20);
    machine_cap(s.client_pd, 60, s.client);
    CHECK(run_dispatch() == s.server);
    CHECK(REPLY_WAIT(s.server, 0, 0, 0, DEADLINE_NEVER) == 0);
    CHECK(dispatch_on(HOME) == s.client);
    return s;
}

/* The client's message is with the server. */
static struct scene start_called(void)
{
    struct scene s = start();

    s.client->area->words[0] = 77;
    CHECK(CALL(s.client, 20, tag_make(3, 1, 0)) == s.other);
    CHECK_EQ(s.client->state, EC_REMOTE);
    CHECK(interrupt(THERE) == s.server);
    CHECK(s.server->caller == s.client);
    return s;
}

/* The other client waits for its turn, too. */
static struct scene start_waiting(void)
{
    struct scene s = start_called();

    machine_switch(HOME);
    CHECK(CALL(s.other, 20, 0) == 0);
    CHECK(interrupt(THERE) == s.server);
    CHECK(s.server->remote_first == s.other);
    return s;
}

static void test_call(void)
{
    struct scene s = start_called();

    CASE("a call to another CPU and its reply");
    CHECK_EQ(s.server->regs.rdi, 42);
    CHECK_EQ(s.server->area->words[0], 77);
    s.server->area->words[0] = 88;
    CHECK(REPLY_WAIT(s.server, tag_make(4, 1, 0), REPLY_SEND, 0, DEADLINE_NEVER) == 0);
    CHECK(interrupt(HOME) == s.client);
    CHECK_EQ(s.client->regs.rax, OK);
    CHECK_EQ(s.client->area->words[0], 88);

    CASE("a handler without time of its own cannot be called from elsewhere");
    with_lock(destroy_sc, s.server->sc);
    CHECK(dispatch_on(HOME) == s.client);
    CHECK(CALL(s.client, 20, 0) == s.client);
    CHECK_EQ(s.client->regs.rax, ERR_UNSUPPORTED);
    machine_stop();

    CASE("those who wait are served in turn");
    s = start_waiting();
    CHECK(REPLY_WAIT(s.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == s.server);
    CHECK(s.server->caller == s.other);
    CHECK(interrupt(HOME) == s.client);
    machine_stop();
}

static void test_caller_dies(void)
{
    struct scene s = start_waiting();

    CASE("the caller dies in mid-call: the reply goes nowhere, the next one is served");
    machine_switch(HOME);
    with_lock(destroy_context, s.client);
    CHECK(!s.server->caller);
    machine_switch(THERE);
    CHECK(REPLY_WAIT(s.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == s.server);
    CHECK(s.server->caller == s.other);
    machine_stop();

    CASE("one who waits for its turn dies: nobody else notices");
    s = start_waiting();
    machine_switch(HOME);
    with_lock(destroy_context, s.other);
    CHECK(!s.server->remote_first && !s.server->remote_last && s.server->caller == s.client);
    machine_stop();

    CASE("the caller dies while its message is on its way");
    s = start();
    CHECK(CALL(s.client, 20, 0) == s.other);
    CHECK(cpus[THERE]->inbox_contexts == s.client);
    with_lock(destroy_context, s.client);
    CHECK(!cpus[THERE]->inbox_contexts && !s.server->caller);
    CHECK(interrupt(THERE) == s.server); /* it had the message in its hands by then, and answers nobody */
    CHECK(REPLY_WAIT(s.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == 0);
    machine_stop();

    CASE("the caller dies while the answer is on its way");
    s = start_called();
    CHECK(REPLY_WAIT(s.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == 0);
    CHECK(cpus[HOME]->inbox_contexts == s.client);
    with_lock(destroy_context, s.client);
    CHECK(!cpus[HOME]->inbox_contexts);
    CHECK(interrupt(HOME) == s.other);
    machine_stop();
}

static void test_handler_dies(void)
{
    struct scene s = start_waiting();

    CASE("the handler dies: its caller and those who wait return ERR_PEER_GONE");
    machine_switch(HOME);
    with_lock(destroy_context, s.server);
    CHECK(interrupt(HOME) == s.client);
    CHECK_EQ(s.client->regs.rax, ERR_PEER_GONE);
    CHECK(s.other->state == EC_READY && s.other->regs.rax == ERR_PEER_GONE);
    CHECK(interrupt(THERE) == 0);
    machine_stop();

    CASE("the handler dies while a message to it is on its way");
    s = start();
    CHECK(CALL(s.client, 20, 0) == s.other);
    with_lock(destroy_context, s.server);
    CHECK(interrupt(HOME) == s.client);
    CHECK_EQ(s.client->regs.rax, ERR_PEER_GONE);
    machine_stop();

    CASE("the portal dies: the call under way ends well, those who wait return ERR_PEER_GONE");
    s = start_waiting();
    with_lock(destroy, s.portal);
    CHECK(REPLY_WAIT(s.server, tag_make(9, 0, 0), REPLY_SEND, 0, DEADLINE_NEVER) == 0);
    CHECK(interrupt(HOME) == s.client);
    CHECK_EQ(s.client->regs.rdi, tag_make(9, 0, 0));
    CHECK(s.other->state == EC_READY && s.other->regs.rax == ERR_PEER_GONE);
    machine_stop();
}

static void test_time_dies(void)
{
    struct scene s = start_called();

    CASE("the caller's scheduling context dies: it is answered, and passive");
    machine_switch(HOME);
    with_lock(destroy_sc, s.client->sc);
    machine_switch(THERE);
    CHECK(REPLY_WAIT(s.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == 0);
    CHECK(interrupt(HOME) == s.other);
    CHECK(s.client->state == EC_READY && s.client->regs.rax == OK);
    machine_stop();

    CASE("the handler's scheduling context dies: the call stands until it has one again");
    s = start_called();
    with_lock(destroy_sc, s.server->sc);
    CHECK(dispatch_on(THERE) == 0);
    CHECK_EQ(s.client->state, EC_REMOTE);
    CHECK(sc_create(s.server_pd, s.server, 10, 100000));
    CHECK(dispatch_on(THERE) == s.server);
    CHECK(REPLY_WAIT(s.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == 0);
    CHECK(interrupt(HOME) == s.client);
    machine_stop();
}

static void test_abort_and_park(void)
{
    struct scene s = start_called();

    CASE("an aborted call returns ERR_ABORTED, the handler goes on");
    machine_switch(HOME);
    with_lock(abort_send, s.client);
    CHECK(interrupt(HOME) == s.client);
    CHECK_EQ(s.client->regs.rax, ERR_ABORTED);
    CHECK(!s.server->caller && s.server->state == EC_READY);
    machine_stop();

    CASE("a parked call of another CPU is resumed there");
    s = start_called();
    CHECK(REPLY_WAIT(s.server, 0, REPLY_PARK, 0, DEADLINE_NEVER) == 0);
    CHECK_EQ(s.client->state, EC_PARKED);
    kernel_lock();
    CHECK_EQ(ec_control(s.client, EC_RESUME), OK);
    kernel_unlock();
    CHECK_EQ(s.client->state, EC_REMOTE);
    CHECK(interrupt(HOME) == s.client);
    CHECK_EQ(s.client->regs.rax, ERR_ABORTED);
    machine_stop();
}

static void test_vcpu(void)
{
    struct scene s = start();
    struct guest_space *space = guest_space_create(s.server_pd);
    struct ec *vcpu = vcpu_create(s.server_pd, space, HOME);

    CASE("a virtual CPU dies in its exit to another CPU: the monitor's reply goes nowhere");
    (void)sc_create(s.server_pd, vcpu, 30, 100000);
    CHECK_EQ(ec_bind(vcpu, VCPU_EXIT_HLT, &s.portal->object, VCPU_GROUP_IP), OK);
    CHECK_EQ(ec_control(vcpu, EC_RESUME), OK);
    CHECK(dispatch_on(HOME) == vcpu);
    CHECK(run_vcpu_exit(vcpu, VCPU_EXIT_HLT) == s.client);
    CHECK(interrupt(THERE) == s.server);
    CHECK(s.server->caller == vcpu);
    machine_switch(HOME);
    with_lock(destroy_context, vcpu);
    CHECK(!s.server->caller);
    machine_switch(THERE);
    CHECK(REPLY_WAIT(s.server, 0, REPLY_SEND, 0, DEADLINE_NEVER) == 0);
    machine_stop();
}

static void test_notification(void)
{
    struct scene s = start();
    struct notification *notification =
        account_object_alloc(s.server_pd, OBJECT_NOTIFICATION, sizeof(*notification));

    CASE("a signal to a waiter on another CPU");
    machine_cap(s.server_pd, 40, notification);
    machine_cap(s.client_pd, 40, notification);
    machine_switch(THERE);
    with_lock(destroy_context, s.server);
    s.server = machine_thread_on(s.server_pd, 10, THERE, area(3));
    CHECK(interrupt(THERE) == s.server);
    CHECK(run_hypercall(s.server, HYPERCALL_NOTIFICATION_WAIT, 40, DEADLINE_NEVER, 0, 0, 0, 0) == 0);
    machine_switch(HOME);
    CHECK(run_hypercall(s.client, HYPERCALL_NOTIFICATION_SIGNAL, 40, 0, 0, 0, 0, 0) == s.client);
    CHECK(cpus[THERE]->inbox_notifications == notification);
    CHECK(interrupt(THERE) == s.server);
    CHECK_EQ(s.server->regs.rdi, 1);

    CASE("it dies while a signal is on its way: the waiter has got it, or ERR_PEER_GONE");
    CHECK(run_hypercall(s.server, HYPERCALL_NOTIFICATION_WAIT, 40, DEADLINE_NEVER, 0, 0, 0, 0) == 0);
    machine_switch(HOME);
    CHECK(run_hypercall(s.client, HYPERCALL_NOTIFICATION_SIGNAL, 40, 0, 0, 0, 0, 0) == s.client);
    with_lock(destroy, notification);
    CHECK(interrupt(THERE) == s.server);
    CHECK(s.server->regs.rax == OK && s.server->regs.rdi == 1);
    CHECK(!cpus[THERE]->inbox_notifications);
    machine_stop();
}

/* CPU THERE holds the lock while the client's call with capabilities waits for it. */
static struct sc *victim;

static void destroy_meanwhile(void)
{
    acknowledge_stops();
    if (!victim)
        return;
    machine_switch(THERE);
    sc_destroy(victim);
    victim = NULL;
    kernel_unlock();
    machine_switch(HOME);
}

static void test_waiting_for_lock(void)
{
    struct scene s = start();
    struct ec *local;

    CASE("a caller whose time dies while it waits for the lock: the handler runs on its own");
    machine_switch(HOME);
    local = machine_thread_on(s.server_pd, 5, HOME, area(4));
    machine_portal(local, 43, s.client_pd, 21);
    local->state = EC_WAIT;
    local->accepts = true;
    with_lock(destroy_context, s.other);
    CHECK(run_hypercall(s.client, HYPERCALL_NOTIFICATION_WAIT, CAP_NONE, processor.tsc + 10, 0, 0, 0, 0) ==
          0);
    CHECK(local->blocked == local->sc); /* it looked for work, and waits */
    CHECK(run_time(processor.tsc + 10) == s.client);
    machine_switch(THERE);
    kernel_lock();
    machine_switch(HOME);
    host_hooks.pause_opt = destroy_meanwhile;
    victim = s.client->sc;
    local->area->receive_base = 100;
    local->area->receive_count = 1;
    s.client->area->send[0] = (struct message_cap){60, RIGHT_ALL};
    CHECK(CALL(s.client, 21, tag_make(0, 0, 1)) == local);
    CHECK(local->caller == s.client);
    machine_stop();
}

static struct pd *watched_pd;
static uint64_t used_at_stop; /* frames of its account, when the first CPU was asked to stop */

static void stop_asked(struct cpu *target)
{
    (void)target;
    if (!used_at_stop)
        used_at_stop = watched_pd->frames_used;
}

static void update(struct pd *pd, uint64_t virtual, uint64_t pages, uint16_t operation, uint16_t flags)
{
    struct space_entry entry = {.virtual = virtual,
                                .physical = 1ull << 40,
                                .pages = (uint32_t)pages,
                                .operation = operation,
                                .flags = flags};
    uint32_t done;

    kernel_lock();
    CHECK_EQ(host_space_update(pd->host_space, &entry, &done), OK);
    kernel_unlock();
}

static void test_table_again(void)
{
    const uint64_t giga = 1ull << 30;
    struct scene s = start();
    uint64_t used;

    CASE("a page table that an update frees is no other one before all CPUs have stopped");
    watched_pd = s.client_pd;
    update(watched_pd, giga, 1, SPACE_MAP, SPACE_WRITE);
    update(watched_pd, 2 * giga, 1, SPACE_MAP, SPACE_WRITE | SPACE_LARGE);
    used = watched_pd->frames_used;
    used_at_stop = 0;
    host_hooks.ipi_opt = stop_asked;
    update(watched_pd, giga, giga / FRAME_SIZE + 1, SPACE_UNMAP, 0); /* frees two tables, makes one */
    CHECK_EQ(used_at_stop, used - 2);
    CHECK_EQ(watched_pd->frames_used, used - 1);
    machine_stop();
}

int main(void)
{
    test_call();
    test_caller_dies();
    test_handler_dies();
    test_time_dies();
    test_abort_and_park();
    test_vcpu();
    test_notification();
    test_waiting_for_lock();
    test_table_again();
    return check_finish();
}
