/* SPDX-License-Identifier: MIT */
/*
 * Creating kernel objects, with more kernel memory when it is needed.
 */
#include "lib/base/kmem.h"

#include "lib/base/env.h"
#include "lib/base/kernel.h"
#include "lib/base/pd_session.h"

#define GROW_FRAMES 4u

/* True if the creation shall be tried again. */
static bool grown(enum status *status)
{
    if (*status != ERR_NO_KMEM)
        return false;
    enum status growth = pd_kmem_grow(ENV_SLOT_PD_SESSION, GROW_FRAMES);

    if (growth != OK)
        growth = pd_kmem_grow(ENV_SLOT_PD_SESSION, 1);
    if (growth != OK)
        *status = growth;
    return growth == OK;
}

enum status kmem_create_notification(uint32_t slot)
{
    enum status status;

    do
        status = kernel_create_notification(ENV_SLOT_PD, slot);
    while (grown(&status));
    return status;
}

enum status kmem_create_portal(uint32_t slot, uint32_t thread, uint64_t id)
{
    enum status status;

    do
        status = kernel_create_portal(ENV_SLOT_PD, slot, thread, id);
    while (grown(&status));
    return status;
}
