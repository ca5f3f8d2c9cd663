/* SPDX-License-Identifier: MIT */
#include "contract/timer/client.h"

#include "lib/base/ipc.h"

enum status timer_now(uint32_t session, uint64_t *ns)
{
    return ipc_call(&(struct ipc){
        .portal = session, .opcode = TIMER_NOW, .out = ns, .out_size = sizeof(struct timer_now)});
}

enum status timer_set_notification(uint32_t session, uint32_t notification)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = TIMER_SET_NOTIFICATION,
                                  .send = {notification},
                                  .send_rights = {RIGHT_NOTIFICATION_SIGNAL},
                                  .send_count = 1});
}

enum status timer_one_shot(uint32_t session, uint64_t deadline_ns)
{
    struct timer_one_shot in = {deadline_ns};

    return ipc_call(
        &(struct ipc){.portal = session, .opcode = TIMER_ONE_SHOT, .in = &in, .in_size = sizeof(in)});
}

enum status timer_periodic(uint32_t session, uint64_t first_ns, uint64_t period_ns)
{
    struct timer_periodic in = {first_ns, period_ns};

    return ipc_call(
        &(struct ipc){.portal = session, .opcode = TIMER_PERIODIC, .in = &in, .in_size = sizeof(in)});
}

enum status timer_cancel(uint32_t session)
{
    return ipc_call(&(struct ipc){.portal = session, .opcode = TIMER_CANCEL});
}
