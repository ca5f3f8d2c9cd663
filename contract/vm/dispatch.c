/* SPDX-License-Identifier: MIT */
/*
 * VM requests: ranges are whole pages and do not wrap, rights are known ones.
 */
#include "contract/vm/dispatch.h"

#include "contract/pd/wire.h"

#define PRIORITY_MAX 127u

static const struct dispatch_rule rules[VM_OPCODE_COUNT] = {
    [VM_ATTACH] = DISPATCH_RULE(struct vm_attach, 1),
    [VM_DETACH] = DISPATCH_RULE(struct vm_range, 0),
    [VM_VCPU_CREATE] = DISPATCH_RULE(struct vm_vcpu_create, 0),
};

static enum status serve_attach(const struct vm_handlers *handlers, void *session, struct dispatch *d)
{
    struct vm_attach in;

    dispatch_request(d, &in, sizeof(in));
    if (in.reserved != 0 || in.rights & ~(uint32_t)PD_RIGHTS || !dispatch_pages_ok(in.offset, in.size) ||
        !dispatch_pages_ok(in.guest_physical, in.size))
        return ERR_INVALID;
    return handlers->attach(session, &in, dispatch_cap(d, 0));
}

static enum status serve_detach(const struct vm_handlers *handlers, void *session, struct dispatch *d)
{
    struct vm_range in;

    dispatch_request(d, &in, sizeof(in));
    return dispatch_pages_ok(in.guest_physical, in.size) ? handlers->detach(session, &in) : ERR_INVALID;
}

static enum status serve_vcpu_create(const struct vm_handlers *handlers, void *session, struct dispatch *d)
{
    struct vm_vcpu_create in;
    struct message_cap vcpu = {0};

    dispatch_request(d, &in, sizeof(in));
    if (in.priority > PRIORITY_MAX)
        return ERR_INVALID;
    enum status status = handlers->vcpu_create(session, &in, &vcpu);

    if (status == OK)
        dispatch_reply_cap(d, vcpu);
    return status;
}

enum status vm_dispatch(const struct vm_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, VM_OPCODE_COUNT);

    if (status != OK)
        return status;
    switch (d->opcode) {
    case VM_ATTACH: return serve_attach(handlers, session, d);
    case VM_DETACH: return serve_detach(handlers, session, d);
    case VM_VCPU_CREATE: return serve_vcpu_create(handlers, session, d);
    default: return ERR_UNSUPPORTED;
    }
}
