/* SPDX-License-Identifier: MIT */
#include "contract/terminal/client.h"

#include "lib/base/ipc.h"

enum status terminal_connect(uint32_t session, const struct terminal_connect *layout, uint32_t dataspace,
                             uint32_t notification, uint32_t *server_notification)
{
    return ipc_call_receive(&(struct ipc){.portal = session,
                                          .opcode = TERMINAL_CONNECT,
                                          .in = layout,
                                          .in_size = sizeof(*layout),
                                          .send = {dataspace, notification},
                                          .send_rights = {0, RIGHT_NOTIFICATION_SIGNAL},
                                          .send_count = 2},
                            server_notification);
}

enum status terminal_size(uint32_t session, struct terminal_size *out)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = TERMINAL_SIZE, .out = out, .out_size = sizeof(*out)});
}
