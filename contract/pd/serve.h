/* SPDX-License-Identifier: MIT */
/*
 * One function an operation of PD: decode, check, call the handler, encode. Private to dispatch.c; split into memory and
 * the rest only for the size of the files.
 */
#ifndef CONTRACT_PD_SERVE_H
#define CONTRACT_PD_SERVE_H

#include "contract/pd/dispatch.h"

typedef enum status (*pd_serve)(const struct pd_handlers *handlers, void *session, struct dispatch *d);

#define PD_SERVE(name) \
    enum status pd_serve_##name(const struct pd_handlers *handlers, void *session, struct dispatch *d)

/* serve_memory.c */
PD_SERVE(dataspace_alloc);
PD_SERVE(dataspace_free);
PD_SERVE(dataspace_info);
PD_SERVE(dataspace_seal);
PD_SERVE(attach);
PD_SERVE(detach);
PD_SERVE(region_map_create);
PD_SERVE(region_map_destroy);
PD_SERVE(region_map_attach);
PD_SERVE(region_map_detach);
PD_SERVE(region_map_pager);
PD_SERVE(region_map_fault);

/* serve_domain.c */
PD_SERVE(thread_create);
PD_SERVE(thread_start);
PD_SERVE(thread_destroy);
PD_SERVE(kmem_grow);
PD_SERVE(transfer);
PD_SERVE(info);
PD_SERVE(grant);
PD_SERVE(set_symbols);
PD_SERVE(fault_notify);
PD_SERVE(fault_info);

#endif
