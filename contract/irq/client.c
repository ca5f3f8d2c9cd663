/* SPDX-License-Identifier: MIT */
#include "contract/irq/client.h"

#include "lib/base/ipc.h"

enum status irq_bind(uint32_t session, uint32_t notification, struct irq_line *out, uint32_t *interrupt)
{
    return ipc_call_receive(&(struct ipc){.portal = session,
                                          .opcode = IRQ_BIND,
                                          .send = {notification},
                                          .send_rights = {RIGHT_NOTIFICATION_SIGNAL},
                                          .send_count = 1,
                                          .out = out,
                                          .out_size = sizeof(*out)},
                            interrupt);
}

enum status irq_msi(uint32_t session, struct irq_msi *out)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = IRQ_MSI, .out = out, .out_size = sizeof(*out)});
}
