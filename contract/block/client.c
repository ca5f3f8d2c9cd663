/* SPDX-License-Identifier: MIT */
#include "contract/block/client.h"

#include "lib/base/ipc.h"

enum status block_info(uint32_t session, struct block_info *out)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = BLOCK_INFO, .out = out, .out_size = sizeof(*out)});
}

enum status block_connect(uint32_t session, const struct block_connect *layout, uint32_t dataspace,
                          uint32_t notification, uint32_t *server_notification)
{
    return ipc_call_receive(&(struct ipc){.portal = session,
                                          .opcode = BLOCK_CONNECT,
                                          .in = layout,
                                          .in_size = sizeof(*layout),
                                          .send = {dataspace, notification},
                                          .send_rights = {0, RIGHT_NOTIFICATION_SIGNAL},
                                          .send_count = 2},
                            server_notification);
}

enum status block_region_add(uint32_t session, const struct block_region_add *region, uint32_t dataspace,
                             uint32_t *id)
{
    struct block_region_id out;
    enum status status = ipc_call(&(struct ipc){.portal = session,
                                                .opcode = BLOCK_REGION_ADD,
                                                .in = region,
                                                .in_size = sizeof(*region),
                                                .send = {dataspace},
                                                .send_count = 1,
                                                .out = &out,
                                                .out_size = sizeof(out)});

    if (status == OK)
        *id = out.region;
    return status;
}

enum status block_region_remove(uint32_t session, uint32_t id)
{
    struct block_region_id in = {.region = id};

    return ipc_call(
        &(struct ipc){.portal = session, .opcode = BLOCK_REGION_REMOVE, .in = &in, .in_size = sizeof(in)});
}

enum status block_acknowledge(uint32_t session, uint64_t verifier)
{
    struct block_verifier in = {.verifier = verifier};

    return ipc_call(
        &(struct ipc){.portal = session, .opcode = BLOCK_ACKNOWLEDGE, .in = &in, .in_size = sizeof(in)});
}
