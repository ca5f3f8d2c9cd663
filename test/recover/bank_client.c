/* SPDX-License-Identifier: MIT */
/* The client's half of BANK, see bank.h. */
#include "lib/base/ipc.h"
#include "test/recover/bank.h"

enum status bank_call(uint32_t session, enum bank_opcode opcode, uint64_t account, uint64_t serial,
                      uint64_t *total)
{
    struct bank_request in = {account, serial};

    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = opcode,
                                  .in = &in,
                                  .in_size = sizeof(in),
                                  .out = total,
                                  .out_size = sizeof(struct bank_total)});
}

enum status bank_open(struct bank_client *client, const char *service)
{
    client->options = (struct session_options){.service = service, .ram = 16384, .caps = 8};
    return session_open(&client->options, &client->connection);
}

enum status bank_sure(struct bank_client *client, enum bank_opcode opcode, uint64_t account, uint64_t serial,
                      uint64_t *total)
{
    enum status status;

    while ((status = bank_call(client->connection.slot, opcode, account, serial, total)) == ERR_PEER_GONE) {
        client->lost++;
        status = session_reopen(&client->options, &client->connection);
        if (status != OK)
            break;
    }
    return status;
}
