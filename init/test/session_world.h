/* SPDX-License-Identifier: MIT */
/*
 * The world around init's sessions for host tests: children that are nothing but accounts, and a parent that keeps count.
 */
#ifndef INIT_TEST_SESSION_WORLD_H
#define INIT_TEST_SESSION_WORLD_H

#include "init/quota.h"
#include "init/session.h"
#include "init/test/host.h"
#include "lib/base/cap.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/notification.h"
#include "lib/base/parent_session.h"
#include "lib/base/pd_session.h"
#include "test/check.h"

/* ---- the world around sessions ---- */

#define CHILDREN   4
#define PD_SLOT    100 /* of child n: 100 + n */
#define START_RAM  (64ll << 20)
#define START_CAPS 1000ll

struct init init;

static struct init_child children[CHILDREN];
static long long ram[PD_SLOT + CHILDREN], caps[PD_SLOT + CHILDREN]; /* by slot of the PD session */
static long caps_held;                                              /* slots that init keeps */
static unsigned notified[CHILDREN][PARENT_NOTIFICATIONS];
static unsigned let_go[CHILDREN];
static unsigned refusals;
static long stopped; /* slot of the domain whose threads were destroyed last */

struct init_child *init_child_of(const struct config_child *config)
{
    for (unsigned i = 0; i < CHILDREN; i++)
        if (children[i].config == config)
            return &children[i];
    abort();
}

unsigned init_child_priority(const struct init_child *child)
{
    (void)child;
    return 40;
}

void init_child_notify(const struct init_child *child, enum parent_notification place)
{
    notified[child - children][place]++;
}

void init_child_let_go(struct init_child *child, enum parent_notification place)
{
    let_go[child - children]++;
    if (child->state == CHILD_RUNNING)
        init_child_notify(child, place);
}

enum status pd_thread_destroy(uint32_t session, uint32_t id)
{
    CHECK_EQ(id, PD_THREAD_ALL);
    stopped = session;
    return OK;
}

enum status pd_transfer(uint32_t from, uint32_t to, uint64_t bytes, uint32_t count)
{
    CHECK(from == ENV_SLOT_PD_SESSION || (from >= PD_SLOT && from < PD_SLOT + CHILDREN));
    CHECK(to == ENV_SLOT_PD_SESSION || (to >= PD_SLOT && to < PD_SLOT + CHILDREN));
    CHECK_EQ(bytes % 4096, 0);
    if (ram[from] < (long long)bytes)
        return ERR_NO_RAM;
    if (caps[from] < count)
        return ERR_NO_CAPS;
    ram[from] -= (long long)bytes;
    ram[to] += (long long)bytes;
    caps[from] -= count;
    caps[to] += count;
    return OK;
}

enum status cap_keep(uint32_t lent, uint32_t *slot)
{
    if (lent == CAP_NONE)
        return ERR_CAP;
    caps_held++;
    *slot = lent;
    return OK;
}

void cap_free(uint32_t slot)
{
    if (slot != CAP_NONE)
        caps_held--;
}

void log_info(const char *format, ...)
{
    (void)format;
}

void log_error(const char *format, ...)
{
    (void)format;
    refusals++;
}

void init_child_complain(struct init_child *child, const char *format, ...)
{
    (void)child;
    (void)format;
    refusals++;
}

/* Init's parent. */
static struct {
    enum status open, get;
    uint64_t ids, open_now;
    uint64_t ram[64];
    uint32_t caps[64];
    bool closed[64], lingers;   /* a server of its has not let go of what is closed */
    char args[PARENT_ARGS_MAX]; /* of the last one */
} upper;

enum status parent_session_open(const struct parent_session_open *in, uint64_t *id)
{
    if (upper.open != OK || upper.ids == 63)
        return upper.open != OK ? upper.open : ERR_NO_RAM;
    CHECK_EQ(in->notify, PARENT_NOTIFY_CLIENT);
    memcpy(upper.args, in->args, sizeof(upper.args));
    *id = ++upper.ids;
    upper.ram[*id] = in->ram;
    upper.caps[*id] = in->caps;
    ram[ENV_SLOT_PD_SESSION] -= (long long)in->ram;
    caps[ENV_SLOT_PD_SESSION] -= in->caps;
    upper.open_now++;
    return OK;
}

enum status parent_session_get(uint64_t id, uint32_t *slot)
{
    CHECK(id != 0 && id <= upper.ids);
    if (upper.closed[id])
        return upper.lingers ? ERR_BUSY : ERR_NOT_FOUND;
    if (upper.get == OK) {
        caps_held++;
        *slot = 1000 + (uint32_t)id;
    }
    return upper.get;
}

enum status parent_session_upgrade(uint64_t id, uint64_t bytes, uint32_t count)
{
    upper.ram[id] += bytes;
    upper.caps[id] += count;
    ram[ENV_SLOT_PD_SESSION] -= (long long)bytes;
    caps[ENV_SLOT_PD_SESSION] -= count;
    return OK;
}

enum status parent_session_close(uint64_t id, struct parent_returned *returned)
{
    *returned = (struct parent_returned){.ram = upper.ram[id], .caps = upper.caps[id]};
    ram[ENV_SLOT_PD_SESSION] += (long long)upper.ram[id];
    caps[ENV_SLOT_PD_SESSION] += upper.caps[id];
    CHECK(!upper.closed[id]);
    upper.closed[id] = true;
    upper.open_now--;
    return OK;
}

/* What init tells its parent about sessions that the parent asked for. */
static struct {
    unsigned count;
    uint64_t id;
    uint32_t kind, status, slot;
} told;

enum status parent_request_deliver(const struct parent_request *request, enum status status, uint32_t slot)
{
    told.count++;
    told.id = request->id;
    told.kind = request->kind;
    told.status = status;
    told.slot = slot;
    return OK;
}

enum status parent_request_next(struct parent_request *out)
{
    (void)out;
    return ERR_NOT_FOUND;
}

enum status parent_announce(const char *service)
{
    (void)service;
    return OK;
}

enum status parent_set_notification(enum parent_notification place, uint32_t notification)
{
    (void)place;
    (void)notification;
    return OK;
}

enum status signal_create(struct entrypoint *entrypoint, struct signal *signal,
                          void (*received)(struct signal *signal))
{
    (void)entrypoint;
    (void)signal;
    (void)received;
    return OK;
}

static void no_report(struct config_report *report, const char *text)
{
    (void)report;
    printf("%s\n", text);
}

static const char text[] =
    "<config><parent-provides><service name='ROM'/><service name='PD'/></parent-provides>"
    "<default-route><any-service><any-child/><parent/></any-service></default-route><default caps='9' "
    "ram='1M'/>"
    "<start name='a'/><start name='b'/><start name='good'><provides><service name='G'/></provides></start>"
    "<start name='hung'><provides><service name='H'/></provides></start>"
    "<service name='G' label_prefix='x'><child name='good'/></service></config>";

static struct init_child *const a = &children[0], *const b = &children[1], *const good = &children[2],
                                *const hung = &children[3];

static void begin(void)
{
    const struct config_child *config = init.config.children;

    memset(notified, 0, sizeof(notified));
    memset(&upper, 0, sizeof(upper));
    memset(let_go, 0, sizeof(let_go));
    refusals = 0;
    for (unsigned i = 0; i < CHILDREN; i++, config = config->next) {
        children[i] = (struct init_child){.config = config, .state = CHILD_RUNNING, .announced = 1};
        children[i].pd.slot = PD_SLOT + i;
        children[i].cpus = (struct cpu_range){2, 3};
        children[i].config_rom.slot = 500 + i;
        ram[PD_SLOT + i] = START_RAM;
        caps[PD_SLOT + i] = START_CAPS;
    }
    ram[ENV_SLOT_PD_SESSION] = START_RAM;
    caps[ENV_SLOT_PD_SESSION] = START_CAPS;
}

static void check_back(const struct init_child *child)
{
    CHECK_EQ(ram[child->pd.slot], START_RAM);
    CHECK_EQ(caps[child->pd.slot], START_CAPS);
}

/* All that live, and init, have what they had. */
static void check_all_back(void)
{
    for (unsigned i = 0; i < CHILDREN; i++)
        if (children[i].state == CHILD_RUNNING)
            check_back(&children[i]);
    CHECK_EQ(ram[ENV_SLOT_PD_SESSION], START_RAM);
    CHECK_EQ(caps[ENV_SLOT_PD_SESSION], START_CAPS);
    CHECK_EQ(caps_held, 0);
    CHECK_EQ(upper.open_now, 0);
}

/* As child_end.c does it: its sessions are closed, and what it had stays for as long as somebody uses it. */
static void leave(struct init_child *child)
{
    child->state = CHILD_LEAVING;
    child->announced = 0;
    session_client_leaves(child);
}

/* Then its account falls to init, then its clients learn of it. */
static void die_for(struct init_child *child, bool returns)
{
    if (child->state != CHILD_LEAVING)
        leave(child);
    child->state = returns ? CHILD_RESTING : CHILD_ENDED;
    session_client_ended(child);
    ram[ENV_SLOT_PD_SESSION] += ram[child->pd.slot] - START_RAM;
    caps[ENV_SLOT_PD_SESSION] += caps[child->pd.slot] - START_CAPS;
    session_server_ended(child,
                         (struct parent_returned){.ram = (uint64_t)ram[child->pd.slot],
                                                  .caps = (uint32_t)caps[child->pd.slot]},
                         returns);
}

static void die(struct init_child *child)
{
    die_for(child, false);
}

static void live_again(struct init_child *child)
{
    child->state = CHILD_RUNNING;
    child->announced = 1;
    ram[child->pd.slot] = START_RAM;
    caps[child->pd.slot] = START_CAPS;
}

static enum status finish(struct init_child *client, uint64_t id)
{
    struct parent_returned returned;

    return session_end(client, id, &returned);
}

static enum status request(struct init_child *client, const char *service, const char *label, uint64_t *id)
{
    struct parent_session_open in = {.ram = 10000, .caps = 3, .notify = PARENT_NOTIFY_BLOCKING};

    snprintf(in.service, sizeof(in.service), "%s", service);
    snprintf(in.label, sizeof(in.label), "%s", label);
    snprintf(in.args, sizeof(in.args), "x=1");
    return session_request(client, &in, id);
}

static enum status answer(struct init_child *server, const struct parent_request *request, enum status status,
                          uint32_t slot)
{
    struct parent_deliver in = {.id = request->id, .kind = request->kind, .status = status};

    return session_request_answer(server, &in, slot);
}

#endif
