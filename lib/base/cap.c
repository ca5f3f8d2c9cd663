/* SPDX-License-Identifier: MIT */
/*
 * This component's slots: the bitmap of slots.h over the capability space that the builder made.
 */
#include "lib/base/cap.h"

#include "lib/base/cap_private.h"
#include "lib/base/env.h"
#include "lib/base/kernel.h"
#include "lib/base/panic.h"
#include "lib/base/pd_session.h"
#include "lib/base/slots.h"

static struct slots slots;

void cap_init(uint32_t limit)
{
    slots_init(&slots, ENV_SLOT_FREE, limit);
}

/* The space may have grown since the start, with the quota. */
static bool limit_has_risen(void)
{
    struct pd_info info;

    if (pd_info(ENV_SLOT_PD_SESSION, &info) != OK || info.slots <= slots.limit)
        return false;
    slots_raise_limit(&slots, info.slots);
    return true;
}

enum status cap_alloc_range(unsigned count, uint32_t *first)
{
    enum status status = slots_take(&slots, count, first);

    /* Rare, so the question costs nothing that matters. It takes no slot itself. */
    while (status == ERR_NO_CAPS && limit_has_risen())
        status = slots_take(&slots, count, first);
    return status;
}

enum status cap_alloc(uint32_t *slot)
{
    return cap_alloc_range(1, slot);
}

void cap_empty(uint32_t slot)
{
    BUG_IF(kernel_cap_drop(CAP_NONE, slot) != OK);
}

void cap_free_range(uint32_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cap_empty(first + i);
    BUG_IF(!slots_give(&slots, first, count));
}

void cap_free(uint32_t slot)
{
    if (slot != CAP_NONE)
        cap_free_range(slot, 1);
}

enum status cap_copy(uint32_t source, unsigned rights, uint64_t badge, uint32_t *slot)
{
    uint32_t copy;
    enum status status = cap_alloc(&copy);

    if (status != OK)
        return status;
    status = kernel_cap_copy(CAP_NONE, copy, source, rights, badge);
    if (status != OK) {
        cap_free(copy);
        return status;
    }
    *slot = copy;
    return OK;
}

enum status cap_keep(uint32_t lent, uint32_t *slot)
{
    return cap_copy(lent, RIGHT_ALL, 0, slot);
}
