/* SPDX-License-Identifier: MIT */
/*
 * Calls to the parent.
 */
#include "lib/base/parent_session.h"

#include "lib/base/env.h"
#include "lib/base/ipc.h"
#include "lib/string/string.h"

enum status parent_session_open(const struct parent_session_open *in, uint64_t *id)
{
    return ipc_call(&(struct ipc){.portal = ENV_SLOT_PARENT,
                                  .opcode = PARENT_SESSION_OPEN,
                                  .in = in,
                                  .in_size = sizeof(*in),
                                  .out = id,
                                  .out_size = sizeof(struct parent_session_id)});
}

enum status parent_session_get(uint64_t id, uint32_t *session)
{
    struct parent_session_id in = {id};
    return ipc_call_receive(
        &(struct ipc){
            .portal = ENV_SLOT_PARENT, .opcode = PARENT_SESSION_GET, .in = &in, .in_size = sizeof(in)},
        session);
}

enum status parent_session_upgrade(uint64_t id, uint64_t ram, uint32_t caps)
{
    struct parent_session_upgrade in = {.id = id, .ram = ram, .caps = caps};

    return ipc_call(&(struct ipc){
        .portal = ENV_SLOT_PARENT, .opcode = PARENT_SESSION_UPGRADE, .in = &in, .in_size = sizeof(in)});
}

enum status parent_session_close(uint64_t id, struct parent_returned *returned)
{
    struct parent_session_id in = {id};

    return ipc_call_whole(&(struct ipc){.portal = ENV_SLOT_PARENT,
                                        .opcode = PARENT_SESSION_CLOSE,
                                        .in = &in,
                                        .in_size = sizeof(in),
                                        .out = returned,
                                        .out_size = sizeof(*returned)});
}

enum status parent_set_notification(enum parent_notification place, uint32_t notification)
{
    struct parent_set_notification in = {.place = place};

    return ipc_call(&(struct ipc){.portal = ENV_SLOT_PARENT,
                                  .opcode = PARENT_SET_NOTIFICATION,
                                  .in = &in,
                                  .in_size = sizeof(in),
                                  .send = {notification},
                                  .send_rights = {RIGHT_NOTIFICATION_SIGNAL},
                                  .send_count = 1});
}

enum status parent_exit(int code)
{
    struct parent_exit in = {.code = code};

    return ipc_call(
        &(struct ipc){.portal = ENV_SLOT_PARENT, .opcode = PARENT_EXIT, .in = &in, .in_size = sizeof(in)});
}

enum status parent_announce(const char *service)
{
    struct parent_announce in = {{0}};

    if (!string_copy(in.service, sizeof(in.service), service))
        return ERR_OVERFLOW;
    return ipc_call(&(struct ipc){
        .portal = ENV_SLOT_PARENT, .opcode = PARENT_ANNOUNCE, .in = &in, .in_size = sizeof(in)});
}

enum status parent_request_next(struct parent_request *out)
{
    enum status status = ipc_call(&(struct ipc){
        .portal = ENV_SLOT_PARENT, .opcode = PARENT_REQUEST_NEXT, .out = out, .out_size = sizeof(*out)});

    if (status != OK)
        return status;
    out->service[sizeof(out->service) - 1] = 0;
    out->label[sizeof(out->label) - 1] = 0;
    out->args[sizeof(out->args) - 1] = 0;
    return OK;
}

enum status parent_request_deliver(const struct parent_request *request, enum status result, uint32_t session)
{
    struct parent_deliver in = {.id = request->id, .status = result, .kind = request->kind};

    return ipc_call(&(struct ipc){.portal = ENV_SLOT_PARENT,
                                  .opcode = PARENT_REQUEST_DELIVER,
                                  .in = &in,
                                  .in_size = sizeof(in),
                                  .send = {session},
                                  .send_rights = {RIGHT_PORTAL_CALL},
                                  .send_count = 1});
}

static enum status call_resource(enum parent_opcode opcode, uint64_t ram, uint32_t caps)
{
    struct parent_resource in = {.ram = ram, .caps = caps};

    return ipc_call(
        &(struct ipc){.portal = ENV_SLOT_PARENT, .opcode = opcode, .in = &in, .in_size = sizeof(in)});
}

enum status parent_resource_request(uint64_t ram, uint32_t caps)
{
    return call_resource(PARENT_RESOURCE_REQUEST, ram, caps);
}

enum status parent_control(struct parent_control *out)
{
    return ipc_call(&(struct ipc){
        .portal = ENV_SLOT_PARENT, .opcode = PARENT_CONTROL, .out = out, .out_size = sizeof(*out)});
}

enum status parent_yielded(uint64_t ram, uint32_t caps)
{
    return call_resource(PARENT_YIELDED, ram, caps);
}
