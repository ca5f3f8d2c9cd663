/* SPDX-License-Identifier: MIT */
#include "contract/io_mem/client.h"

#include "lib/base/ipc.h"

enum status io_mem_dataspace(uint32_t session, struct io_mem_range *out, uint32_t *dataspace)
{
    return ipc_call_receive(
        &(struct ipc){.portal = session, .opcode = IO_MEM_DATASPACE, .out = out, .out_size = sizeof(*out)},
        dataspace);
}
