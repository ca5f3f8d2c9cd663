/* SPDX-License-Identifier: MIT */
#include "contract/accounts/client.h"

#include "lib/base/ipc.h"

enum status accounts_system(uint32_t session, struct accounts_system *out)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = ACCOUNTS_SYSTEM, .out = out, .out_size = sizeof(*out)});
}

enum status accounts_next(uint32_t session, uint64_t after, struct accounts_session *out)
{
    struct accounts_after in = {after};

    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = ACCOUNTS_NEXT,
                                  .in = &in,
                                  .in_size = sizeof(in),
                                  .out = out,
                                  .out_size = sizeof(*out)});
}
