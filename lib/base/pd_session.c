/* SPDX-License-Identifier: MIT */
/*
 * Calls to a PD session. Each is its request structure and nothing else.
 */
#include "lib/base/pd_session.h"

#include "lib/base/ipc.h"

enum status pd_dataspace_alloc(uint32_t session, uint64_t size, unsigned flags, uint32_t *dataspace)
{
    struct pd_dataspace_alloc in = {.size = size, .flags = flags};
    struct ipc ipc = {.portal = session,
                      .opcode = PD_DATASPACE_ALLOC,
                      .in = &in,
                      .in_size = sizeof(in),
                      .receive_count = 1};
    enum status status = ipc_call_whole(&ipc);

    if (status == OK)
        *dataspace = ipc.received;
    return status;
}

enum status pd_dataspace_free(uint32_t session, uint32_t dataspace)
{
    return ipc_call_whole(
        &(struct ipc){.portal = session, .opcode = PD_DATASPACE_FREE, .send = {dataspace}, .send_count = 1});
}

enum status pd_dataspace_seal(uint32_t session, uint32_t dataspace)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = PD_DATASPACE_SEAL, .send = {dataspace}, .send_count = 1});
}

enum status pd_dataspace_info(uint32_t session, uint32_t dataspace, struct pd_dataspace_info *out)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = PD_DATASPACE_INFO,
                                  .send = {dataspace},
                                  .send_count = 1,
                                  .out = out,
                                  .out_size = sizeof(*out)});
}

enum status pd_attach(uint32_t session, uint32_t dataspace, const struct pd_attach *in, uint64_t *address)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = PD_ATTACH,
                                  .in = in,
                                  .in_size = sizeof(*in),
                                  .send = {dataspace},
                                  .send_count = 1,
                                  .out = address,
                                  .out_size = sizeof(struct pd_address)});
}

enum status pd_detach(uint32_t session, uint64_t address)
{
    struct pd_address in = {address};

    return ipc_call(&(struct ipc){.portal = session, .opcode = PD_DETACH, .in = &in, .in_size = sizeof(in)});
}

enum status pd_region_map_create(uint32_t session, uint64_t size, uint32_t *map)
{
    struct pd_region_map_create in = {size};
    return ipc_call_receive(
        &(struct ipc){.portal = session, .opcode = PD_REGION_MAP_CREATE, .in = &in, .in_size = sizeof(in)},
        map);
}

enum status pd_region_map_destroy(uint32_t session, uint32_t map)
{
    return ipc_call_whole(
        &(struct ipc){.portal = session, .opcode = PD_REGION_MAP_DESTROY, .send = {map}, .send_count = 1});
}

enum status pd_region_map_attach(uint32_t session, uint32_t map, uint32_t dataspace,
                                 const struct pd_attach *in, uint64_t *address)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = PD_REGION_MAP_ATTACH,
                                  .in = in,
                                  .in_size = sizeof(*in),
                                  .send = {map, dataspace},
                                  .send_count = 2,
                                  .out = address,
                                  .out_size = sizeof(struct pd_address)});
}

enum status pd_region_map_detach(uint32_t session, uint32_t map, uint64_t address)
{
    struct pd_address in = {address};

    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = PD_REGION_MAP_DETACH,
                                  .in = &in,
                                  .in_size = sizeof(in),
                                  .send = {map},
                                  .send_count = 1});
}

enum status pd_region_map_pager(uint32_t session, uint32_t map, uint32_t notification)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = PD_REGION_MAP_PAGER,
                                  .send = {map, notification},
                                  .send_rights = {0, RIGHT_NOTIFICATION_SIGNAL},
                                  .send_count = 2});
}

enum status pd_region_map_fault(uint32_t session, uint32_t map, struct pd_region_fault *out)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = PD_REGION_MAP_FAULT,
                                  .send = {map},
                                  .send_count = 1,
                                  .out = out,
                                  .out_size = sizeof(*out)});
}

enum status pd_thread_create(uint32_t session, const struct pd_thread_create *in, struct pd_thread *out,
                             uint32_t *thread)
{
    return ipc_call_receive(&(struct ipc){.portal = session,
                                          .opcode = PD_THREAD_CREATE,
                                          .in = in,
                                          .in_size = sizeof(*in),
                                          .out = out,
                                          .out_size = sizeof(*out)},
                            thread);
}

enum status pd_thread_start(uint32_t session, const struct pd_thread_start *in)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = PD_THREAD_START, .in = in, .in_size = sizeof(*in)});
}

enum status pd_thread_destroy(uint32_t session, uint32_t id)
{
    struct pd_thread_id in = {.id = id};

    return ipc_call_whole(
        &(struct ipc){.portal = session, .opcode = PD_THREAD_DESTROY, .in = &in, .in_size = sizeof(in)});
}

enum status pd_kmem_grow(uint32_t session, uint64_t frames)
{
    struct pd_kmem_grow in = {frames};

    return ipc_call(
        &(struct ipc){.portal = session, .opcode = PD_KMEM_GROW, .in = &in, .in_size = sizeof(in)});
}

enum status pd_transfer(uint32_t session, uint32_t receiver, uint64_t ram, uint32_t caps)
{
    struct pd_quota in = {.ram = ram, .caps = caps};

    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = PD_TRANSFER,
                                  .in = &in,
                                  .in_size = sizeof(in),
                                  .send = {receiver},
                                  .send_count = 1});
}

enum status pd_info(uint32_t session, struct pd_info *out)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = PD_INFO, .out = out, .out_size = sizeof(*out)});
}

enum status pd_grant(uint32_t session, uint32_t given, uint32_t slot, unsigned rights)
{
    struct pd_grant in = {.slot = slot, .rights = rights};

    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = PD_GRANT,
                                  .in = &in,
                                  .in_size = sizeof(in),
                                  .send = {given},
                                  .send_count = 1});
}

enum status pd_set_symbols(uint32_t session, const struct pd_symbols *in)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = PD_SET_SYMBOLS, .in = in, .in_size = sizeof(*in)});
}

enum status pd_fault_notify(uint32_t session, uint32_t notification)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = PD_FAULT_NOTIFY,
                                  .send = {notification},
                                  .send_rights = {RIGHT_NOTIFICATION_SIGNAL},
                                  .send_count = 1});
}

enum status pd_fault_info(uint32_t session, struct pd_fault *out)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = PD_FAULT_INFO, .out = out, .out_size = sizeof(*out)});
}
