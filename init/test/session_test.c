/* SPDX-License-Identifier: MIT */
/*
 * Sessions between children that are nothing but accounts: every step that a client, a server, init's parent or death
 * can take, and afterwards every account is where it was.
 */
#include "init/test/session_world.h"

/* ---- cases ---- */

static void test_child_server(void)
{
    struct parent_request next;
    uint64_t id;
    uint32_t slot;

    begin();
    CASE("a session between children: asked for, served, used, enlarged, closed");
    REQUIRE(request(a, "G", "disk", &id) == OK);
    CHECK_EQ(session_fetch(a, id, &slot), ERR_AGAIN);
    CHECK_EQ(session_fetch(b, id, &slot), ERR_NOT_FOUND);
    CHECK(notified[2][PARENT_NOTIFY_REQUESTS] > 0);
    CHECK_EQ(session_request_next(hung, &next), ERR_NOT_FOUND);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(next.kind, PARENT_REQUEST_CREATE);
    CHECK_EQ(next.ram, 12288);
    CHECK_EQ(next.caps, 3);
    CHECK_STR(next.service, "G");
    CHECK_STR(next.label, "a -> disk");
    CHECK_STR(next.args, "x=1");
    CHECK_EQ(ram[good->pd.slot], START_RAM + 12288);
    CHECK_EQ(ram[a->pd.slot], START_RAM - 12288 - (long long)QUOTA_SESSION_RAM);
    CHECK_EQ(session_request_next(good, &next), ERR_NOT_FOUND);
    CHECK_EQ(answer(hung, &next, OK, 77), ERR_NOT_FOUND);
    next.kind = PARENT_REQUEST_CREATE;
    next.id = id;
    CHECK_EQ(answer(good, &next, OK, 77), OK);
    CHECK_EQ(answer(good, &next, OK, 77), ERR_INVALID);
    CHECK(notified[0][PARENT_NOTIFY_BLOCKING] > 0);
    CHECK_EQ(session_fetch(a, id, &slot), OK);
    CHECK_EQ(slot, 77);

    CHECK_EQ(session_enlarge(a, &(struct parent_session_upgrade){.id = id, .ram = 4096, .caps = 1}), OK);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(next.kind, PARENT_REQUEST_UPGRADE);
    CHECK_EQ(next.ram, 4096);
    CHECK_EQ(session_enlarge(a, &(struct parent_session_upgrade){.id = id, .ram = 4096}), ERR_BUSY);
    CHECK_EQ(answer(good, &next, OK, CAP_NONE), OK);

    CHECK_EQ(finish(b, id), ERR_NOT_FOUND);
    CHECK_EQ(finish(a, id), OK);
    CHECK_EQ(finish(a, id), ERR_NOT_FOUND);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(next.kind, PARENT_REQUEST_CLOSE);
    CHECK_EQ(answer(good, &next, OK, CAP_NONE), OK);
    check_all_back();
}

static void test_closing(void)
{
    struct parent_request next;
    uint64_t id;

    begin();
    CASE("a session is closed while the server has its upgrade");
    REQUIRE(request(a, "G", "", &id) == OK);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(answer(good, &next, OK, 78), OK);
    CHECK_EQ(session_enlarge(a, &(struct parent_session_upgrade){.id = id, .ram = 4096, .caps = 1}), OK);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(finish(a, id), OK);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(next.kind, PARENT_REQUEST_CLOSE);
    CHECK_EQ(answer(good, &next, OK, CAP_NONE), OK);
    check_all_back();

    CASE("a service that is not announced yet waits, its client does not");
    good->announced = 0;
    REQUIRE(request(a, "G", "", &id) == OK);
    CHECK_EQ(session_request_next(good, &next), ERR_NOT_FOUND);
    good->announced = 1;
    CHECK_EQ(session_request_next(good, &next), OK);
    CHECK_EQ(finish(a, id), OK);
    CHECK_EQ(answer(good, &next, OK, 5), OK);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(answer(good, &next, OK, CAP_NONE), OK);
    check_all_back();
}

static void test_unwilling_server(void)
{
    struct parent_request next;
    uint64_t id;
    uint32_t slot;

    begin();
    CASE("a server that refuses: its reason arrives, the quota returns");
    REQUIRE(request(a, "G", "", &id) == OK);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(answer(good, &next, ERR_NO_CAPS, CAP_NONE), OK);
    CHECK_EQ(session_fetch(a, id, &slot), ERR_NO_CAPS);
    CHECK_EQ(finish(a, id), OK);
    check_all_back();

    CASE("a server that says yes and gives nothing");
    REQUIRE(request(a, "G", "", &id) == OK);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(answer(good, &next, OK, CAP_NONE), OK);
    CHECK_EQ(session_fetch(a, id, &slot), ERR_NOT_FOUND);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(next.kind, PARENT_REQUEST_CLOSE);
    CHECK_EQ(answer(good, &next, OK, CAP_NONE), OK);
    check_all_back();
}

static void test_hung_server(void)
{
    struct parent_request next;
    uint64_t id, other;
    uint32_t slot;

    begin();
    CASE("a hung server holds up its own clients only");
    REQUIRE(request(a, "H", "", &id) == OK);
    CHECK_EQ(session_fetch(a, id, &slot), ERR_AGAIN);
    REQUIRE(request(b, "G", "", &other) == OK);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(answer(good, &next, OK, 9), OK);
    CHECK_EQ(session_fetch(b, other, &slot), OK);
    CHECK_EQ(finish(a, id), OK);
    check_back(a);
    CHECK_EQ(finish(b, other), OK);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(answer(good, &next, OK, CAP_NONE), OK);
    check_all_back();
}

static void test_parent(void)
{
    uint64_t id;
    uint32_t slot;

    begin();
    CASE("a session at the parent, there at once");
    REQUIRE(request(a, "ROM", "data", &id) == OK);
    CHECK_EQ(session_fetch(a, id, &slot), OK);
    CHECK_EQ(slot, 1001);
    CHECK_EQ(session_enlarge(a, &(struct parent_session_upgrade){.id = id, .ram = 1, .caps = 1}), OK);
    CHECK_EQ(finish(a, id), OK);
    check_all_back();

    CASE("a session at the parent that takes its time");
    upper.get = ERR_AGAIN;
    REQUIRE(request(a, "ROM", "data", &id) == OK);
    upstream_poll();
    CHECK_EQ(session_fetch(a, id, &slot), ERR_AGAIN);
    CHECK_EQ(notified[0][PARENT_NOTIFY_BLOCKING], 1);
    upper.get = OK;
    upstream_poll();
    CHECK_EQ(notified[0][PARENT_NOTIFY_BLOCKING], 2);
    CHECK_EQ(session_fetch(a, id, &slot), OK);

    CASE("a session at the parent that loses its server");
    upper.get = ERR_PEER_GONE;
    upstream_poll();
    CHECK_EQ(session_fetch(a, id, &slot), ERR_PEER_GONE);
    CHECK_EQ(session_enlarge(a, &(struct parent_session_upgrade){.id = id, .ram = 1}), ERR_PEER_GONE);
    CHECK_EQ(finish(a, id), OK);
    check_all_back();

    CASE("a parent that refuses, at once or later");
    upper.open = ERR_NOT_FOUND;
    CHECK_EQ(request(a, "ROM", "none", &id), ERR_NOT_FOUND);
    check_all_back();
    upper.open = OK;
    upper.get = ERR_NO_RAM;
    REQUIRE(request(a, "ROM", "none", &id) == OK);
    CHECK_EQ(session_fetch(a, id, &slot), ERR_NO_RAM);
    CHECK_EQ(finish(a, id), OK);
    check_all_back();

    CASE("the ROM `config' is init's own");
    REQUIRE(request(b, "ROM", "config", &id) == OK);
    CHECK_EQ(session_fetch(b, id, &slot), OK);
    CHECK_EQ(slot, 501);
    CHECK_EQ(finish(b, id), OK);
    check_all_back();

    CASE("no route and no quota");
    CHECK_EQ(request(a, "BLOCK", "", &id), ERR_DENIED);
    CHECK_EQ(refusals, 1);
    check_all_back();
    CHECK_EQ(session_request(a, &(struct parent_session_open){.service = "G", .ram = 1ull << 40, .notify = 1},
                             &id),
             ERR_NO_RAM);
    CHECK_EQ(session_request(a, &(struct parent_session_open){.service = "G", .ram = UINT64_MAX, .notify = 1},
                             &id),
             ERR_RANGE);
    CHECK_EQ(
        session_request(a, &(struct parent_session_open){.service = "G", .caps = 5000, .notify = 1}, &id),
        ERR_NO_CAPS);
    check_all_back();
}

static void test_priority(void)
{
    struct parent_session_open in = {.service = "PD", .notify = PARENT_NOTIFY_BLOCKING};
    uint64_t id;

    begin();
    CASE("nobody makes threads with a higher priority than the own one");
    REQUIRE(session_request(a, &in, &id) == OK);
    CHECK_STR(upper.args, "priority=40, cpu=2, cpus=3, slice=10000");
    CHECK_EQ(finish(a, id), OK);
    snprintf(in.args, sizeof(in.args), "name=\"x\", priority=100, slice=1000000");
    REQUIRE(session_request(a, &in, &id) == OK);
    CHECK_STR(upper.args, "priority=40, cpu=2, cpus=3, slice=10000, name=\"x\", priority=100, slice=1000000");
    CHECK_EQ(finish(a, id), OK);
    snprintf(in.args, sizeof(in.args), "priority=7, slice=200");
    REQUIRE(session_request(a, &in, &id) == OK);
    CHECK_STR(upper.args, "priority=7, cpu=2, cpus=3, slice=200, priority=7, slice=200");
    CHECK_EQ(finish(a, id), OK);
    memset(in.args, 'x', sizeof(in.args) - 1);
    CHECK_EQ(session_request(a, &in, &id), ERR_OVERFLOW);
    check_all_back();
}

/* A PD session at the parent: whoever has it can move its quota, also to its own one or to another client. */
static void test_moved_quota(void)
{
    struct parent_returned returned;
    struct parent_request next;
    uint64_t id;
    uint32_t slot;

    begin();
    CASE("quota that a session gave away does not come back");
    REQUIRE(request(a, "ROM", "pd", &id) == OK);
    upper.ram[1] -= 8192;
    upper.caps[1] -= 2;
    ram[a->pd.slot] += 8192;
    caps[a->pd.slot] += 2;
    CHECK_EQ(session_end(a, id, &returned), OK);
    CHECK_EQ(returned.ram, 4096);
    CHECK_EQ(returned.caps, 1);
    check_all_back();

    CASE("quota that a session was given comes back with it");
    REQUIRE(request(a, "ROM", "pd", &id) == OK);
    upper.ram[2] += 4096;
    ram[a->pd.slot] -= 4096;
    CHECK_EQ(session_end(a, id, &returned), OK);
    CHECK_EQ(returned.ram, 12288 + 4096);
    check_all_back();

    CASE("so it is when the session failed by itself");
    REQUIRE(request(a, "ROM", "pd", &id) == OK);
    upper.ram[3] -= 8192;
    ram[a->pd.slot] += 8192;
    upper.get = ERR_PEER_GONE;
    upstream_poll();
    CHECK_EQ(session_fetch(a, id, &slot), ERR_PEER_GONE);
    CHECK_EQ(session_end(a, id, &returned), OK);
    CHECK_EQ(returned.ram, 4096);
    check_all_back();

    begin();
    CASE("a server that gives everything to a client and dies: init pays nothing");
    REQUIRE(request(a, "G", "1", &id) == OK && session_request_next(good, &next) == OK);
    CHECK_EQ(answer(good, &next, OK, 9), OK);
    ram[a->pd.slot] += ram[good->pd.slot];
    ram[good->pd.slot] = 0;
    die(good);
    CHECK_EQ(finish(a, id), OK);
    CHECK_EQ(ram[a->pd.slot] + ram[ENV_SLOT_PD_SESSION], 2 * START_RAM);
    CHECK_EQ(ram[ENV_SLOT_PD_SESSION], 0); /* the server's own part went to the client, not more */
}

static void test_death(void)
{
    struct parent_request next;
    uint64_t waiting, open, closing, id;
    uint32_t slot;

    begin();
    CASE("a server dies: its clients learn of it and get their quota back");
    REQUIRE(request(a, "G", "1", &open) == OK && session_request_next(good, &next) == OK);
    CHECK_EQ(answer(good, &next, OK, 9), OK);
    REQUIRE(request(b, "G", "2", &closing) == OK && session_request_next(good, &next) == OK);
    CHECK_EQ(answer(good, &next, OK, 10), OK);
    CHECK_EQ(finish(b, closing), OK);
    REQUIRE(request(b, "G", "3", &waiting) == OK);
    die(good);
    CHECK_EQ(session_fetch(a, open, &slot), ERR_PEER_GONE);
    CHECK_EQ(session_fetch(b, waiting, &slot), ERR_PEER_GONE);
    CHECK_EQ(request(a, "G", "", &id), ERR_PEER_GONE);
    CHECK_EQ(finish(a, open), OK);
    CHECK_EQ(finish(b, waiting), OK);
    check_all_back();

    begin();
    CASE("a client dies: the server is told, what it lent falls to init");
    REQUIRE(request(a, "G", "1", &open) == OK && session_request_next(good, &next) == OK);
    CHECK_EQ(answer(good, &next, OK, 9), OK);
    REQUIRE(request(a, "G", "2", &id) == OK && session_request_next(good, &next) == OK);
    REQUIRE(request(a, "G", "3", &waiting) == OK);
    REQUIRE(request(a, "ROM", "x", &id) == OK);
    die(a);
    CHECK_EQ(answer(good, &next, OK, 10), OK);
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE(session_request_next(good, &next) == OK);
        CHECK_EQ(next.kind, PARENT_REQUEST_CLOSE);
        CHECK_EQ(answer(good, &next, OK, CAP_NONE), OK);
    }
    CHECK_EQ(session_request_next(good, &next), ERR_NOT_FOUND);
    check_all_back();
}

/* A session of `client`'s at `server`, open. */
static uint64_t opened(struct init_child *client, struct init_child *server)
{
    struct parent_request next;
    uint64_t id = 0;

    REQUIRE(request(client, server == good ? "G" : "H", "", &id) == OK);
    REQUIRE(session_request_next(server, &next) == OK);
    CHECK_EQ(answer(server, &next, OK, 9), OK);
    return id;
}

static void answer_close(struct init_child *server)
{
    struct parent_request next;

    REQUIRE(session_request_next(server, &next) == OK);
    CHECK_EQ(next.kind, PARENT_REQUEST_CLOSE);
    CHECK_EQ(answer(server, &next, OK, CAP_NONE), OK);
}

static void test_leaving(void)
{
    struct parent_request next;
    uint64_t id;
    uint32_t slot;

    begin();
    CASE("a client leaves: it is held until its servers have answered the closing, also of what it had "
         "closed itself");
    id = opened(a, good);
    (void)opened(a, good);
    CHECK_EQ(finish(a, id), OK);
    CHECK_EQ(session_fetch(a, id, &slot), ERR_BUSY);
    CHECK_EQ(session_fetch(b, id, &slot), ERR_NOT_FOUND);
    leave(a);
    CHECK_STR(session_client_held(a), "good");
    answer_close(good);
    CHECK_EQ(let_go[0], 1);
    CHECK_STR(session_client_held(a), "good");
    answer_close(good);
    CHECK_EQ(let_go[0], 2);
    CHECK(!session_client_held(a));
    die(a);
    check_all_back();

    begin();
    CASE("nobody is held by who has never had anything of it");
    REQUIRE(request(a, "H", "never fetched", &id) == OK);
    REQUIRE(request(a, "G", "not created yet", &id) == OK && session_request_next(good, &next) == OK);
    REQUIRE(request(a, "ROM", "x", &id) == OK);
    leave(a);
    CHECK(!session_client_held(a));
    die(a);
    CHECK_EQ(answer(good, &next, OK, 10), OK);
    answer_close(good);
    check_all_back();

    begin();
    CASE("patience ends: the server answers when its client has long gone");
    (void)opened(a, hung);
    leave(a);
    CHECK_STR(session_client_held(a), "hung");
    die(a);
    answer_close(hung);
    CHECK_EQ(let_go[0], 0);
    check_all_back();

    begin();
    CASE("a client that lives is told, too");
    id = opened(a, good);
    CHECK_EQ(finish(a, id), OK);
    notified[0][PARENT_NOTIFY_BLOCKING] = 0;
    answer_close(good);
    CHECK_EQ(notified[0][PARENT_NOTIFY_BLOCKING], 1);
    CHECK_EQ(session_fetch(a, id, &slot), ERR_NOT_FOUND);
    check_all_back();
}

static void test_leaving_together(void)
{
    begin();
    CASE("a client and its server leave: the client for as long as others have something of the server's");
    (void)opened(a, good);
    (void)opened(good, hung);
    leave(a);
    leave(good);
    CHECK_STR(session_client_held(a), "hung");
    CHECK_STR(session_client_held(good), "hung");
    answer_close(hung);
    CHECK_EQ(let_go[2], 1);
    CHECK(!session_client_held(good));
    CHECK(!session_client_held(a));
    die(good);
    CHECK_EQ(let_go[0], 1);
    die(a);
    check_all_back();

    begin();
    CASE("two that are each other's clients do not wait for each other, but for a third one");
    (void)opened(good, hung);
    (void)opened(hung, good);
    (void)opened(a, hung);
    leave(good);
    leave(hung);
    CHECK(!session_client_held(good));
    CHECK(!session_client_held(hung));
    die(hung);
    die(good);
    CHECK_EQ(session_fetch(a, 0, &(uint32_t){0}), ERR_NOT_FOUND);
    die(a);
    CHECK_EQ(caps_held, 0);
}

static void test_leaving_upstream(void)
{
    uint64_t id, other;
    uint32_t slot;

    begin();
    CASE("a session at the parent, whose server has not let go");
    upper.lingers = true;
    REQUIRE(request(a, "ROM", "one", &id) == OK);
    REQUIRE(request(a, "ROM", "two", &other) == OK);
    CHECK_EQ(finish(a, id), OK);
    CHECK_EQ(session_fetch(a, id, &slot), ERR_BUSY);
    CHECK_EQ(finish(a, id), ERR_NOT_FOUND);
    leave(a);
    upstream_poll();
    CHECK_STR(session_client_held(a), "ROM");
    CHECK_EQ(let_go[0], 0);
    upper.lingers = false;
    upstream_poll();
    CHECK_EQ(let_go[0], 2);
    CHECK(!session_client_held(a));
    die(a);
    check_all_back();

    begin();
    CASE("its domains run no more at once, but stay to the end");
    REQUIRE(request(a, "PD", "below", &id) == OK);
    leave(a);
    CHECK_EQ(stopped, 1001);
    CHECK(!session_client_held(a));
    CHECK_EQ(upper.open_now, 1);
    die(a);
    check_all_back();
}

/* ---- anything in any order ---- */

static uint32_t random_state = 1;

static unsigned random_below(unsigned limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

#define IDS 8

static void client_step(struct init_child *client, uint64_t *ids)
{
    static const char *const services[] = {"G", "H", "ROM"};
    uint64_t *id = &ids[random_below(IDS)];
    uint32_t slot;

    if (*id == 0) {
        if (request(client, services[random_below(3)], "l", id) != OK)
            *id = 0;
    } else if (random_below(3) == 0) {
        (void)!session_enlarge(client, &(struct parent_session_upgrade){.id = *id, .ram = 5, .caps = 1});
    } else if (random_below(2) == 0) {
        (void)!session_fetch(client, *id, &slot);
    } else {
        CHECK(finish(client, *id) != ERR_INVALID);
        *id = 0;
    }
}

static void server_step(struct init_child *server, struct parent_request *held, bool willing)
{
    if (held->id == 0) {
        if (session_request_next(server, held) != OK)
            held->id = 0;
        return;
    }
    enum status status = willing || held->kind == PARENT_REQUEST_CLOSE || random_below(2) ? OK : ERR_DENIED;

    CHECK_EQ(answer(server, held, status, held->kind == PARENT_REQUEST_CREATE ? 7 : CAP_NONE), OK);
    held->id = 0;
}

static void random_round(void)
{
    uint64_t ids[2][IDS] = {{0}};
    struct parent_request held[2] = {{0}};

    begin();
    for (unsigned step = 0; step < 200; step++) {
        unsigned who = random_below(2);

        upper.get = random_below(4) ? OK : ERR_AGAIN;
        upper.lingers = random_below(2);
        if (random_below(2))
            client_step(&children[who], ids[who]);
        else
            server_step(&children[2 + who], &held[who], false);
        upstream_poll();
    }
    upper.get = OK;
    upper.lingers = false;
    upstream_poll();
    bool death = random_below(2);

    if (death)
        die(random_below(2) ? hung : b);
    for (unsigned who = 0; who < 2; who++)
        for (unsigned i = 0; i < IDS; i++)
            if (ids[who][i] && children[who].state == CHILD_RUNNING)
                (void)!finish(&children[who], ids[who][i]);
    for (unsigned who = 0; who < 2; who++)
        for (unsigned i = 0; i < 64 && children[2 + who].state == CHILD_RUNNING; i++)
            server_step(&children[2 + who], &held[who], true);
    check_all_back();
}

static void test_restart(void)
{
    struct parent_request next;
    uint64_t open, waiting, late;
    uint32_t slot;

    begin();
    CASE("a server that starts again: its sessions are gone, requests that it had not fetched wait for it");
    REQUIRE(request(a, "G", "one", &open) == OK);
    REQUIRE(session_request_next(good, &next) == OK);
    REQUIRE(answer(good, &next, OK, 7) == OK);
    REQUIRE(request(b, "G", "two", &waiting) == OK);
    die_for(good, true);
    CHECK_EQ(session_fetch(a, open, &slot), ERR_PEER_GONE);
    CHECK_EQ(session_fetch(b, waiting, &slot), ERR_AGAIN);
    CHECK_EQ(finish(a, open), OK);
    REQUIRE(request(a, "G", "one", &late) == OK);
    CHECK_EQ(session_request_next(good, &next), ERR_NOT_FOUND);
    live_again(good);
    for (unsigned i = 0; i < 2; i++) {
        REQUIRE(session_request_next(good, &next) == OK);
        REQUIRE(answer(good, &next, OK, 8) == OK);
    }
    CHECK_EQ(session_fetch(b, waiting, &slot), OK);
    CHECK_EQ(session_fetch(a, late, &slot), OK);
    die_for(good, true);
    die_for(good, false);
    CHECK_EQ(session_fetch(b, waiting, &slot), ERR_PEER_GONE);
    CHECK_EQ(finish(a, late), OK);
    CHECK_EQ(finish(b, waiting), OK);
    check_back(a);
    check_back(b);
    CHECK_EQ(caps_held, 0);
}

/* As the parent does it: what its client lends is init's when init sees the request. */
static void offer(uint64_t id, uint32_t kind, const char *label)
{
    struct parent_request in = {.id = id, .kind = kind, .service = "G"};

    if (kind != PARENT_REQUEST_CLOSE) {
        in.ram = 8192;
        in.caps = 4;
        ram[ENV_SLOT_PD_SESSION] += 8192;
        caps[ENV_SLOT_PD_SESSION] += 4;
    }
    snprintf(in.label, sizeof(in.label), "%s", label);
    told.count = 0;
    session_offer(&in);
}

static void parent_takes(unsigned times)
{
    ram[ENV_SLOT_PD_SESSION] -= 8192 * (long long)times;
    caps[ENV_SLOT_PD_SESSION] -= 4 * (long long)times;
}

static void check_told(uint64_t id, uint32_t kind, enum status status)
{
    CHECK_EQ(told.count, 1);
    CHECK_EQ(told.id, id);
    CHECK_EQ(told.kind, kind);
    CHECK_EQ(told.status, status);
}

static void test_offer(void)
{
    struct parent_request next;

    begin();
    CASE("a session of the parent's client: created, enlarged, closed");
    offer(70, PARENT_REQUEST_CREATE, "x -> y");
    CHECK_EQ(told.count, 0);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_STR(next.label, "x -> y");
    CHECK_EQ(next.ram, 8192 - QUOTA_SESSION_RAM);
    CHECK_EQ(next.caps, 4 - QUOTA_SESSION_CAPS);
    REQUIRE(answer(good, &next, OK, 7) == OK);
    check_told(70, PARENT_REQUEST_CREATE, OK);
    CHECK_EQ(told.slot, 7);
    offer(70, PARENT_REQUEST_UPGRADE, "");
    check_told(70, PARENT_REQUEST_UPGRADE, OK);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(next.kind, PARENT_REQUEST_UPGRADE);
    CHECK_EQ(next.ram, 8192);
    REQUIRE(answer(good, &next, OK, CAP_NONE) == OK);
    offer(70, PARENT_REQUEST_CLOSE, "");
    CHECK_EQ(told.count, 0);
    REQUIRE(session_request_next(good, &next) == OK);
    CHECK_EQ(next.kind, PARENT_REQUEST_CLOSE);
    REQUIRE(answer(good, &next, OK, CAP_NONE) == OK);
    check_told(70, PARENT_REQUEST_CLOSE, OK);
    parent_takes(2);
    check_all_back();

    CASE("sessions of the parent's client that do not come to be");
    offer(71, PARENT_REQUEST_CREATE, "other");
    check_told(71, PARENT_REQUEST_CREATE, ERR_DENIED);
    offer(72, PARENT_REQUEST_CREATE, "x");
    REQUIRE(session_request_next(good, &next) == OK);
    REQUIRE(answer(good, &next, ERR_NO_RAM, CAP_NONE) == OK);
    check_told(72, PARENT_REQUEST_CREATE, ERR_NO_RAM);
    offer(72, PARENT_REQUEST_CLOSE, "");
    check_told(72, PARENT_REQUEST_CLOSE, ERR_NOT_FOUND);
    parent_takes(2);
    check_all_back();

    CASE("the server of the parent's clients dies");
    offer(73, PARENT_REQUEST_CREATE, "x");
    REQUIRE(session_request_next(good, &next) == OK);
    REQUIRE(answer(good, &next, OK, 7) == OK);
    offer(74, PARENT_REQUEST_CREATE, "x");
    die(good);
    check_told(74, PARENT_REQUEST_CREATE, ERR_PEER_GONE);
    offer(73, PARENT_REQUEST_CLOSE, "");
    check_told(73, PARENT_REQUEST_CLOSE, OK);
    offer(75, PARENT_REQUEST_CREATE, "x");
    check_told(75, PARENT_REQUEST_CREATE, ERR_PEER_GONE);
    parent_takes(3);
    CHECK_EQ(caps_held, 0);
}

int main(void)
{
    init.report = (struct config_report){.line = no_report};
    if (config_read(text, sizeof(text) - 1, &init.report, &init.config) != OK)
        return 1;
    test_child_server();
    test_closing();
    test_unwilling_server();
    test_hung_server();
    test_parent();
    test_priority();
    test_moved_quota();
    test_death();
    test_leaving();
    test_leaving_together();
    test_leaving_upstream();
    test_restart();
    test_offer();
    CASE("five thousand random histories: every account returns to its start");
    for (unsigned round = 0; round < 5000; round++)
        random_round();
    config_free(&init.config);
    return check_finish();
}
