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

enum status rom_open(const char *label, uint64_t size, struct rom_reader *out)
{
    struct rom_reader reader = {0};
    struct session_options options = {.service = ROM_SERVICE, .label_opt = label};
    enum status status;

    if (size > UINT64_MAX / 2)
        return ERR_RANGE;
    if (size)
        options.ram = ROM_READER_RAM + page_round_up(size);
    status = session_open(&options, &reader.connection);
    if (status == OK)
        *out = reader;
    return status;
}

enum status rom_notify(const struct rom_reader *reader, uint32_t notification)
{
    return rom_set_notification(reader->connection.slot, notification);
}

enum status rom_update(struct rom_reader *reader)
{
    if (reader->rom.data)
        rom_unmap(&reader->rom);
    return rom_map(reader->connection.slot, &reader->rom);
}

void rom_close(struct rom_reader *reader)
{
    if (reader->rom.data)
        rom_unmap(&reader->rom);
    session_close(&reader->connection);
}
