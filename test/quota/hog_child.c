/* SPDX-License-Identifier: MIT */
/*
 * A parent in the small: one child at a time, in a domain of a quota of its own. It may have a log, sessions of KEEPER
 * and domains, each for its own quota: what it lends comes from its domain and goes back there in the end.
 */
#include "contract/parent/dispatch.h"
#include "contract/rom/client.h"
#include "lib/base/cap.h"
#include "lib/base/entrypoint.h"
#include "lib/base/env.h"
#include "lib/base/log.h"
#include "lib/base/pd_session.h"
#include "lib/base/session.h"
#include "lib/base/time.h"
#include "lib/child/child.h"
#include "lib/string/string.h"
#include "test/quota/judge.h"

#define HOG_RAM       (4ull << 20)
#define HOG_CAPS      300u
#define SESSIONS_MOST 512u
#define SESSION_COST  8192u /* what a session costs its client besides: notes at init and core */
#define KILL_MS       300u
#define HANG_MS       60000u

static struct {
    struct entrypoint *entrypoint;
    struct portal portal;
    struct signal fault;
    struct rom program;
    struct connection log;
    struct connection pd;
    struct connection sessions[SESSIONS_MOST];
    unsigned count;
    bool ended, good, is_crash, is_killed;
} hog;

static void end(bool good)
{
    hog.ended = true;
    hog.good = good;
    entrypoint_stop(hog.entrypoint);
}

/* The quota moves to us first, since we are who lends it. */
static enum status open_for(const struct parent_session_open *in, struct connection *out)
{
    struct session_options options = {
        .service = in->service, .label_opt = "hog", .args_opt = in->args, .ram = in->ram, .caps = in->caps};
    uint64_t ram = ((in->ram + 4095) & ~4095ull) + SESSION_COST;
    enum status status = pd_transfer(hog.pd.slot, ENV_SLOT_PD_SESSION, ram, in->caps + 2);

    if (status != OK)
        return status;
    status = session_open(&options, out);
    if (status != OK)
        (void)pd_transfer(ENV_SLOT_PD_SESSION, hog.pd.slot, ram, in->caps + 2);
    return status;
}

static enum status on_open(void *context, const struct parent_session_open *in, struct parent_session_id *out)
{
    (void)context;
    if (hog.count == SESSIONS_MOST)
        return ERR_NO_CAPS;
    enum status status = OK;

    if (strcmp(in->service, "LOG") == 0)
        hog.sessions[hog.count] = (struct connection){.slot = hog.log.slot};
    else
        status = open_for(in, &hog.sessions[hog.count]);
    if (status == OK)
        out->id = ++hog.count;
    return status;
}

static enum status on_get(void *context, uint64_t id, struct message_cap *opened)
{
    (void)context;
    if (id > hog.count)
        return ERR_NOT_FOUND;
    *opened = (struct message_cap){.slot = hog.sessions[id - 1].slot, .rights = RIGHT_PORTAL_CALL};
    return OK;
}

static enum status on_close(void *context, uint64_t id, struct parent_returned *out)
{
    (void)context;
    (void)id;
    (void)out;
    return ERR_DENIED; /* all are closed in the end */
}

static enum status on_set_notification(void *context, uint32_t place, uint32_t notification)
{
    (void)context;
    (void)place;
    (void)notification;
    return OK;
}

static enum status on_exit(void *context, int code)
{
    (void)context;
    end(code == 0);
    return OK;
}

static enum status dispatch(struct portal *portal, struct dispatch *d)
{
    static const struct parent_handlers handlers = {
        .session_open = on_open,
        .session_get = on_get,
        .session_close = on_close,
        .set_notification = on_set_notification,
        .exit = on_exit,
    };

    (void)portal;
    /* A hog sends what it likes; only these are served. */
    switch (d->opcode) {
    case PARENT_SESSION_OPEN:
    case PARENT_SESSION_GET:
    case PARENT_SESSION_CLOSE:
    case PARENT_SET_NOTIFICATION:
    case PARENT_EXIT: return parent_dispatch(&handlers, NULL, d);
    default: return ERR_UNSUPPORTED;
    }
}

static void on_fault(struct signal *signal)
{
    (void)signal;
    end(hog.is_crash);
}

static void on_timeout(struct timeout *timeout)
{
    (void)timeout;
    end(hog.is_killed);
}

bool hog_prepare(struct entrypoint *entrypoint)
{
    struct session_options log = {.service = "LOG", .label_opt = "hog"};
    struct session_options rom = {.service = "ROM", .label_opt = "quota_hog"};
    struct connection program;

    hog.entrypoint = entrypoint;
    hog.portal.dispatch = dispatch;
    return session_open(&log, &hog.log) == OK && session_open(&rom, &program) == OK &&
           rom_map(program.slot, &hog.program) == OK && portal_create(entrypoint, &hog.portal) == OK &&
           signal_create(entrypoint, &hog.fault, on_fault) == OK;
}

static bool start(const char *name)
{
    struct session_options options = {
        .service = "PD", .label_opt = "hog", .args_opt = "priority=10", .ram = HOG_RAM, .caps = HOG_CAPS};
    struct child_options load = {.name = name,
                                 .elf = hog.program.data,
                                 .elf_size = hog.program.size,
                                 .parent_portal = hog.portal.slot,
                                 .priority = 10};
    struct child child;

    hog.is_crash = strcmp(name, "crash") == 0;
    hog.is_killed = strcmp(name, "killed") == 0;
    hog.ended = hog.good = false;
    if (session_open(&options, &hog.pd) != OK)
        return false;
    load.pd_session = hog.pd.slot;
    return pd_fault_notify(hog.pd.slot, hog.fault.slot) == OK && child_load(&load, &child) == OK &&
           child_start(&child) == OK;
}

bool hog_run(const char *name)
{
    struct timeout timeout = {.expired = on_timeout};

    if (start(name)) {
        uint64_t patience = hog.is_killed ? KILL_MS : HANG_MS;

        entrypoint_timeout_set(hog.entrypoint, &timeout, time_after_ns(patience * 1000000));
        entrypoint_run(hog.entrypoint);
        entrypoint_timeout_cancel(hog.entrypoint, &timeout);
    } else {
        log_error("FAIL \"%s\" cannot be started", name);
    }
    session_close(&hog.pd);
    while (hog.count > 0) {
        hog.count--;
        if (hog.sessions[hog.count].id)
            session_close(&hog.sessions[hog.count]);
    }
    return hog.good;
}
