/* SPDX-License-Identifier: MIT */
/*
 * PD: threads, quota, capabilities, faults.
 */
#include "contract/pd/serve.h"

#define PRIORITY_MAX 127u
#define FRAMES_MAX   (1u << 20)

PD_SERVE(thread_create)
{
    struct pd_thread_create in;
    struct pd_thread out = {0};
    struct message_cap thread = {0};

    dispatch_request(d, &in, sizeof(in));
    if (in.flags & ~(uint32_t)PD_THREAD_FLAGS || in.priority > PRIORITY_MAX ||
        in.own_slot >= CAP_SPACE_SLOTS_MAX || !dispatch_text_ok(in.name, sizeof(in.name)))
        return ERR_INVALID;
    enum status status = handlers->thread_create(session, &in, &out, &thread);

    if (status == OK) {
        dispatch_reply(d, &out, sizeof(out));
        dispatch_reply_cap(d, thread);
    }
    return status;
}

PD_SERVE(thread_start)
{
    struct pd_thread_start in;

    dispatch_request(d, &in, sizeof(in));
    return in.reserved != 0 ? ERR_INVALID : handlers->thread_start(session, &in);
}

PD_SERVE(thread_destroy)
{
    struct pd_thread_id in;

    dispatch_request(d, &in, sizeof(in));
    return in.reserved != 0 ? ERR_INVALID : handlers->thread_destroy(session, in.id);
}

PD_SERVE(kmem_grow)
{
    struct pd_kmem_grow in;

    dispatch_request(d, &in, sizeof(in));
    return in.frames == 0 || in.frames > FRAMES_MAX ? ERR_INVALID : handlers->kmem_grow(session, in.frames);
}

PD_SERVE(transfer)
{
    struct pd_quota in;

    dispatch_request(d, &in, sizeof(in));
    return in.reserved != 0 ? ERR_INVALID : handlers->transfer(session, &in, dispatch_cap(d, 0));
}

PD_SERVE(info)
{
    struct pd_info out = {0};
    enum status status = handlers->info(session, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}

PD_SERVE(grant)
{
    struct pd_grant in;

    dispatch_request(d, &in, sizeof(in));
    if (in.slot == CAP_NONE || in.slot >= CAP_SPACE_SLOTS_MAX || in.rights & ~(uint32_t)RIGHT_ALL)
        return ERR_INVALID;
    return handlers->grant(session, &in, dispatch_cap(d, 0));
}

PD_SERVE(set_symbols)
{
    struct pd_symbols in;

    dispatch_request(d, &in, sizeof(in));
    if (in.begin > in.end || in.end > in.names_end)
        return ERR_INVALID;
    return handlers->set_symbols(session, &in);
}

PD_SERVE(fault_notify)
{
    return handlers->fault_notify(session, dispatch_cap(d, 0));
}

PD_SERVE(fault_info)
{
    struct pd_fault out = {0};
    enum status status = handlers->fault_info(session, &out);

    if (status == OK)
        dispatch_reply(d, &out, sizeof(out));
    return status;
}
