/* SPDX-License-Identifier: MIT */
/*
 * PD requests: ranges are whole pages and do not wrap, flags are known ones, names end, nothing is writable and
 * executable at once.
 */
#include "contract/pd/dispatch.h"

#include "contract/pd/serve.h"

static const struct dispatch_rule rules[PD_OPCODE_COUNT] = {
    [PD_DATASPACE_ALLOC] = DISPATCH_RULE(struct pd_dataspace_alloc, 0),
    [PD_DATASPACE_FREE] = DISPATCH_RULE_EMPTY(1),
    [PD_DATASPACE_INFO] = DISPATCH_RULE_EMPTY(1),
    [PD_ATTACH] = DISPATCH_RULE(struct pd_attach, 1),
    [PD_DETACH] = DISPATCH_RULE(struct pd_address, 0),
    [PD_REGION_MAP_CREATE] = DISPATCH_RULE(struct pd_region_map_create, 0),
    [PD_REGION_MAP_DESTROY] = DISPATCH_RULE_EMPTY(1),
    [PD_REGION_MAP_ATTACH] = DISPATCH_RULE(struct pd_attach, 2),
    [PD_REGION_MAP_DETACH] = DISPATCH_RULE(struct pd_address, 1),
    [PD_REGION_MAP_PAGER] = DISPATCH_RULE_EMPTY(2),
    [PD_REGION_MAP_FAULT] = DISPATCH_RULE_EMPTY(1),
    [PD_THREAD_CREATE] = DISPATCH_RULE(struct pd_thread_create, 0),
    [PD_THREAD_START] = DISPATCH_RULE(struct pd_thread_start, 0),
    [PD_THREAD_DESTROY] = DISPATCH_RULE(struct pd_thread_id, 0),
    [PD_KMEM_GROW] = DISPATCH_RULE(struct pd_kmem_grow, 0),
    [PD_TRANSFER] = DISPATCH_RULE(struct pd_quota, 1),
    [PD_INFO] = DISPATCH_RULE_EMPTY(0),
    [PD_GRANT] = DISPATCH_RULE(struct pd_grant, 1),
    [PD_SET_SYMBOLS] = DISPATCH_RULE(struct pd_symbols, 0),
    [PD_FAULT_NOTIFY] = DISPATCH_RULE_EMPTY(1),
    [PD_FAULT_INFO] = DISPATCH_RULE_EMPTY(0),
    [PD_DATASPACE_SEAL] = DISPATCH_RULE_EMPTY(1),
};

static const pd_serve serve[PD_OPCODE_COUNT] = {
    [PD_DATASPACE_ALLOC] = pd_serve_dataspace_alloc,
    [PD_DATASPACE_FREE] = pd_serve_dataspace_free,
    [PD_DATASPACE_INFO] = pd_serve_dataspace_info,
    [PD_ATTACH] = pd_serve_attach,
    [PD_DETACH] = pd_serve_detach,
    [PD_REGION_MAP_CREATE] = pd_serve_region_map_create,
    [PD_REGION_MAP_DESTROY] = pd_serve_region_map_destroy,
    [PD_REGION_MAP_ATTACH] = pd_serve_region_map_attach,
    [PD_REGION_MAP_DETACH] = pd_serve_region_map_detach,
    [PD_REGION_MAP_PAGER] = pd_serve_region_map_pager,
    [PD_REGION_MAP_FAULT] = pd_serve_region_map_fault,
    [PD_THREAD_CREATE] = pd_serve_thread_create,
    [PD_THREAD_START] = pd_serve_thread_start,
    [PD_THREAD_DESTROY] = pd_serve_thread_destroy,
    [PD_KMEM_GROW] = pd_serve_kmem_grow,
    [PD_TRANSFER] = pd_serve_transfer,
    [PD_INFO] = pd_serve_info,
    [PD_GRANT] = pd_serve_grant,
    [PD_SET_SYMBOLS] = pd_serve_set_symbols,
    [PD_FAULT_NOTIFY] = pd_serve_fault_notify,
    [PD_FAULT_INFO] = pd_serve_fault_info,
    [PD_DATASPACE_SEAL] = pd_serve_dataspace_seal,
};

enum status pd_dispatch(const struct pd_handlers *handlers, void *session, struct dispatch *d)
{
    enum status status = dispatch_check(d, rules, PD_OPCODE_COUNT);

    return status == OK ? serve[d->opcode](handlers, session, d) : status;
}
