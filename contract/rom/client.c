/* SPDX-License-Identifier: MIT */
#include "contract/rom/client.h"

#include "lib/base/ipc.h"
#include "lib/base/memory.h"

enum status rom_dataspace(uint32_t session, struct rom_dataspace *out, uint32_t *dataspace)
{
    return ipc_call_receive(
        &(struct ipc){.portal = session, .opcode = ROM_DATASPACE, .out = out, .out_size = sizeof(*out)},
        dataspace);
}

enum status rom_set_notification(uint32_t session, uint32_t notification)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = ROM_SET_NOTIFICATION,
                                  .send = {notification},
                                  .send_rights = {RIGHT_NOTIFICATION_SIGNAL},
                                  .send_count = 1});
}

/* The server is not trusted with the size: it must lie inside the dataspace, which core knows. */
static enum status rom_attach(uint32_t dataspace, uint64_t size, void **address)
{
    uint64_t have;
    enum status status = dataspace_size(dataspace, &have);

    if (status != OK)
        return status;
    return size <= have ? memory_attach(dataspace, PD_READ, address) : ERR_RANGE;
}

enum status rom_map(uint32_t session, struct rom *out)
{
    struct rom_dataspace content;
    uint32_t dataspace;
    void *address;
    enum status status = rom_dataspace(session, &content, &dataspace);

    if (status != OK)
        return status;
    status = rom_attach(dataspace, content.size, &address);
    if (status != OK) {
        cap_free(dataspace);
        return status;
    }
    *out = (struct rom){
        .dataspace = dataspace, .data = address, .size = content.size, .generation = content.generation};
    return OK;
}

void rom_unmap(struct rom *rom)
{
    memory_detach((void *)(uintptr_t)rom->data);
    cap_free(rom->dataspace);
    *rom = (struct rom){0};
}
