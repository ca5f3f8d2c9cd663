/* SPDX-License-Identifier: MIT */
#include "contract/io_port/client.h"

#include "lib/base/env.h"
#include "lib/base/ipc.h"

enum status io_port_enable(uint32_t session, struct io_port_range *out)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = IO_PORT_ENABLE,
                                  .send = {ENV_SLOT_PD_SESSION},
                                  .send_count = 1,
                                  .out = out,
                                  .out_size = sizeof(*out)});
}
