/* SPDX-License-Identifier: MIT */
/*
 * Notification objects. At most one thread waits at each (the kernel says ERR_BUSY to a second one).
 */
#include "lib/base/notification.h"

#include "lib/base/cap.h"
#include "lib/base/kernel.h"
#include "lib/base/kmem.h"

enum status notification_create(uint32_t *slot)
{
    uint32_t fresh;
    enum status status = cap_alloc(&fresh);

    if (status != OK)
        return status;
    status = kmem_create_notification(fresh);
    if (status != OK) {
        cap_free(fresh);
        return status;
    }
    *slot = fresh;
    return OK;
}

void notification_destroy(uint32_t slot)
{
    (void)kernel_destroy(slot);
    cap_free(slot);
}

void notification_signal(uint32_t slot)
{
    (void)kernel_notification_signal(slot);
}

enum status notification_wait(uint32_t slot, uint64_t deadline, uint64_t *bits)
{
    return kernel_notification_wait(slot, deadline, bits);
}
