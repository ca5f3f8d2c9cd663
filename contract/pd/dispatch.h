/* SPDX-License-Identifier: MIT */
/*
 * PD, the server's half: requests are validated here, then the handlers are called. Handlers get
 * aligned ranges that do not wrap, known flags, and terminated names.
 */
#ifndef CONTRACT_PD_DISPATCH_H
#define CONTRACT_PD_DISPATCH_H

#include "contract/pd/wire.h"
#include "lib/base/dispatch.h"

/* `session` is what was given to pd_dispatch. Slots of received capabilities are lent; see lib/base/dispatch.h. */
struct pd_handlers {
    enum status (*dataspace_alloc)(void *session, const struct pd_dataspace_alloc *in,
                                   struct message_cap *dataspace);
    enum status (*dataspace_free)(void *session, uint32_t dataspace);
    enum status (*dataspace_seal)(void *session, uint32_t dataspace);
    enum status (*dataspace_info)(void *session, uint32_t dataspace, struct pd_dataspace_info *out);
    enum status (*attach)(void *session, const struct pd_attach *in, uint32_t dataspace,
                          struct pd_address *out);
    enum status (*detach)(void *session, uint64_t address);

    enum status (*region_map_create)(void *session, uint64_t size, struct message_cap *map);
    enum status (*region_map_destroy)(void *session, uint32_t map);
    enum status (*region_map_attach)(void *session, const struct pd_attach *in, uint32_t map,
                                     uint32_t dataspace, struct pd_address *out);
    enum status (*region_map_detach)(void *session, uint32_t map, uint64_t address);
    enum status (*region_map_pager)(void *session, uint32_t map, uint32_t notification);
    enum status (*region_map_fault)(void *session, uint32_t map, struct pd_region_fault *out);

    enum status (*thread_create)(void *session, const struct pd_thread_create *in, struct pd_thread *out,
                                 struct message_cap *thread);
    enum status (*thread_start)(void *session, const struct pd_thread_start *in);
    enum status (*thread_destroy)(void *session, uint32_t id);

    enum status (*kmem_grow)(void *session, uint64_t frames);
    enum status (*transfer)(void *session, const struct pd_quota *in, uint32_t receiver);
    enum status (*info)(void *session, struct pd_info *out);

    enum status (*grant)(void *session, const struct pd_grant *in, uint32_t given);
    enum status (*set_symbols)(void *session, const struct pd_symbols *in);
    enum status (*fault_notify)(void *session, uint32_t notification);
    enum status (*fault_info)(void *session, struct pd_fault *out);
};

/* The status is the reply's label. */
[[nodiscard]] enum status pd_dispatch(const struct pd_handlers *handlers, void *session, struct dispatch *d);

#endif
