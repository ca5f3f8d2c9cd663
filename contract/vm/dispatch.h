/* SPDX-License-Identifier: MIT */
/*
 * VM, the server's half: requests are validated here, then the handlers are called. Ranges are
 * page-aligned and do not wrap; whether they fit the dataspace is for the server to check.
 */
#ifndef CONTRACT_VM_DISPATCH_H
#define CONTRACT_VM_DISPATCH_H

#include "contract/vm/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to vm_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct vm_handlers {
    enum status (*attach)(void *session, const struct vm_attach *in, uint32_t dataspace);
    enum status (*detach)(void *session, const struct vm_range *in);
    enum status (*vcpu_create)(void *session, const struct vm_vcpu_create *in, struct message_cap *vcpu);
};

/* The status is the reply's label. */
[[nodiscard]] enum status vm_dispatch(const struct vm_handlers *handlers, void *session, struct dispatch *d);

#endif
