/* SPDX-License-Identifier: MIT */
/*
 * Typed calls to a PD session: the own one (ENV_SLOT_PD_SESSION) or a child's. See contract/pd/wire.h for what each does.
 * Capabilities received are *given*, in fresh slots; those passed in are *lent*.
 */
#ifndef LIB_BASE_PD_SESSION_H
#define LIB_BASE_PD_SESSION_H

#include "contract/pd/wire.h"
#include "lib/base/status.h"

#include <stdint.h>

/* Memory of a large dataspace is zeroed, and its mappings are taken away, a bounded part a call: these two repeat. */
[[nodiscard]] enum status pd_dataspace_alloc(uint32_t session, uint64_t size, unsigned flags,
                                             uint32_t *dataspace);

/* Frees the memory; the slot stays the caller's. */
[[nodiscard]] enum status pd_dataspace_free(uint32_t session, uint32_t dataspace);
[[nodiscard]] enum status pd_dataspace_seal(uint32_t session, uint32_t dataspace);
[[nodiscard]] enum status pd_dataspace_info(uint32_t session, uint32_t dataspace,
                                            struct pd_dataspace_info *out);
[[nodiscard]] enum status pd_attach(uint32_t session, uint32_t dataspace, const struct pd_attach *in,
                                    uint64_t *address);
[[nodiscard]] enum status pd_detach(uint32_t session, uint64_t address);

[[nodiscard]] enum status pd_region_map_create(uint32_t session, uint64_t size, uint32_t *map);
[[nodiscard]] enum status pd_region_map_destroy(uint32_t session, uint32_t map);
[[nodiscard]] enum status pd_region_map_attach(uint32_t session, uint32_t map, uint32_t dataspace,
                                               const struct pd_attach *in, uint64_t *address);
[[nodiscard]] enum status pd_region_map_detach(uint32_t session, uint32_t map, uint64_t address);
[[nodiscard]] enum status pd_region_map_pager(uint32_t session, uint32_t map, uint32_t notification);
[[nodiscard]] enum status pd_region_map_fault(uint32_t session, uint32_t map, struct pd_region_fault *out);

[[nodiscard]] enum status pd_thread_create(uint32_t session, const struct pd_thread_create *in,
                                           struct pd_thread *out, uint32_t *thread);
[[nodiscard]] enum status pd_thread_start(uint32_t session, const struct pd_thread_start *in);
/* PD_THREAD_ALL: nothing of the domain runs any more, and its memory stays. */
[[nodiscard]] enum status pd_thread_destroy(uint32_t session, uint32_t id);

[[nodiscard]] enum status pd_kmem_grow(uint32_t session, uint64_t frames);
[[nodiscard]] enum status pd_transfer(uint32_t session, uint32_t receiver, uint64_t ram, uint32_t caps);
[[nodiscard]] enum status pd_info(uint32_t session, struct pd_info *out);

[[nodiscard]] enum status pd_grant(uint32_t session, uint32_t given, uint32_t slot, unsigned rights);
[[nodiscard]] enum status pd_set_symbols(uint32_t session, const struct pd_symbols *in);
[[nodiscard]] enum status pd_fault_notify(uint32_t session, uint32_t notification);
[[nodiscard]] enum status pd_fault_info(uint32_t session, struct pd_fault *out);

#endif
