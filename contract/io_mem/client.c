/* SPDX-License-Identifier: MIT */
#include "contract/io_mem/client.h"

#include "lib/base/ipc.h"

enum status io_mem_dataspace(uint32_t session, struct io_mem_range *out, uint32_t *dataspace)
{
    struct ipc ipc = {.portal = session,
                      .opcode = IO_MEM_DATASPACE,
                      .out = out,
                      .out_size = sizeof(*out),
                      .receive_count = 1};
    enum status status = ipc_call(&ipc);

    if (status == OK)
        *dataspace = ipc.received;
    return status;
}
