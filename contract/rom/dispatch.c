/* SPDX-License-Identifier: MIT */
/*
 * ROM requests: nothing but their form to check.
 */
#include "contract/rom/dispatch.h"

static const struct dispatch_rule rules[ROM_OPCODE_COUNT] = {
    [ROM_DATASPACE] = DISPATCH_RULE_EMPTY(0),
    [ROM_SET_NOTIFICATION] = DISPATCH_RULE_EMPTY(1),
};

static enum status serve_dataspace(const struct rom_handlers *handlers, void *session, struct dispatch *d)
{
    struct rom_dataspace out = {0};
    struct message_cap dataspace = {0};
    enum status status = handlers->dataspace(session, &out, &dataspace);

    if (status == OK) {
        dispatch_reply(d, &out, sizeof(out));
        dispatch_reply_cap(d, dataspace);
    }
    return status;
}

enum status rom_dispatch(const struct rom_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, ROM_OPCODE_COUNT);

    if (status != OK)
        return status;
    switch (d->opcode) {
    case ROM_DATASPACE: return serve_dataspace(handlers, session, d);
    case ROM_SET_NOTIFICATION: return handlers->set_notification(session, dispatch_cap(d, 0));
    default: return ERR_UNSUPPORTED;
    }
}
