/* SPDX-License-Identifier: MIT */
#include "contract/irq/client.h"

#include "lib/base/ipc.h"

enum status irq_bind(uint32_t session, uint32_t notification, struct irq_line *out, uint32_t *interrupt)
{
    struct ipc ipc = {.portal = session,
                      .opcode = IRQ_BIND,
                      .send = {notification},
                      .send_rights = {RIGHT_NOTIFICATION_SIGNAL},
                      .send_count = 1,
                      .out = out,
                      .out_size = sizeof(*out),
                      .receive_count = 1};
    enum status status = ipc_call(&ipc);

    if (status == OK)
        *interrupt = ipc.received;
    return status;
}
