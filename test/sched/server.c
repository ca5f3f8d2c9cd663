/* SPDX-License-Identifier: MIT */
/*
 * A WORK server: one thread, which computes for a while in each request. If the request says so, it calls the WORK server of
 * its own route in the middle, so several of them make a chain.
 */
#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/base/session.h"
#include "test/sched/session.h"
#include "test/sched/wire.h"

static struct connection behind;
static bool connected;

static enum status call_behind(uint64_t rounds)
{
    struct work_do request = {.rounds = rounds};

    if (!connected) {
        enum status status = session_open(&(struct session_options){.service = WORK_SERVICE}, &behind);

        if (status != OK)
            return status;
        connected = true;
    }
    return ipc_call(
        &(struct ipc){.portal = behind.slot, .opcode = WORK_DO, .in = &request, .in_size = sizeof(request)});
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct dispatch_rule rules[] = {[WORK_DO] = DISPATCH_RULE(struct work_do, 0)};
    enum status status = dispatch_check(d, rules, sizeof(rules) / sizeof(rules[0]));
    struct work_do request;

    (void)session;
    if (status != OK)
        return status;
    dispatch_request(d, &request, sizeof(request));
    work(request.rounds / 2);
    if (request.behind)
        status = call_behind(request.behind);
    work(request.rounds - request.rounds / 2);
    return status;
}

int component_main(struct env *environment)
{
    static struct service service = {
        .name = WORK_SERVICE, .create = plain_create, .close = plain_close, .dispatch = dispatch};

    if (service_start(&service, &environment->entrypoint) != OK)
        return 1;
    entrypoint_run(&environment->entrypoint);
    return 0;
}
