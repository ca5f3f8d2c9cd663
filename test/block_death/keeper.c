/* SPDX-License-Identifier: MIT */
/* Holds the platter. */
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/service.h"
#include "test/block_death/death.h"

static uint32_t platter;

static enum status create(struct service *service, const struct parent_request *request,
                          struct service_session **out)
{
    (void)service;
    (void)request;
    *out = heap_alloc(sizeof(**out));
    return *out ? OK : ERR_NO_RAM;
}

static void close(struct service *service, struct service_session *session)
{
    (void)service;
    heap_free(session);
}

static enum status dispatch(struct service_session *session, struct dispatch *d)
{
    static const struct dispatch_rule rules[KEEPER_OPCODE_COUNT] = {[KEEPER_PLATTER] =
                                                                        DISPATCH_RULE_EMPTY(0)};
    enum status status = dispatch_check(d, rules, KEEPER_OPCODE_COUNT);

    (void)session;
    if (status == OK)
        dispatch_reply_cap(d, (struct message_cap){platter, RIGHT_ALL});
    return status;
}

int keeper_main(struct entrypoint *entrypoint)
{
    static struct service service = {
        .name = KEEPER_SERVICE, .create = create, .close = close, .dispatch = dispatch};

    if (dataspace_alloc(sizeof(struct platter), 0, &platter) != OK ||
        service_start(&service, entrypoint) != OK) {
        log_error("FAIL no platter");
        return 1;
    }
    entrypoint_run(entrypoint);
    return 0;
}
