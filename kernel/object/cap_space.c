/* SPDX-License-Identifier: MIT */
/*
 * Capability spaces; see cap_space.h.
 */
#include "kernel/object/cap_space.h"

#include "kernel/object/pd.h"

static unsigned frames_for(uint64_t slots)
{
    return (slots + CAP_SLOTS_PER_FRAME - 1) / CAP_SLOTS_PER_FRAME;
}

enum status cap_space_grow(struct cap_space *space, uint64_t slots)
{
    unsigned have = frames_for(space->slots);
    unsigned want = frames_for(slots);
    unsigned index;

    if (slots > CAP_SPACE_SLOTS_MAX)
        return ERR_RANGE;
    for (index = have; index < want; index++) {
        space->directory[index] = account_frame_alloc(space->pd);
        if (!space->directory[index])
            break;
    }
    if (index < want) {
        while (index-- > have) {
            account_frame_free(space->pd, space->directory[index]);
            space->directory[index] = 0;
        }
        return ERR_NO_KMEM;
    }
    if (slots > space->slots)
        __atomic_store_n(&space->slots, slots, __ATOMIC_RELEASE); /* calls look without the lock */
    return OK;
}

enum status cap_space_create(struct pd *pd, uint64_t slots, struct cap_space **out)
{
    struct cap_space *space;
    enum status status;

    if (pd->cap_space)
        return ERR_EXISTS;
    space = account_object_alloc(pd, OBJECT_CAP_SPACE, sizeof(*space));
    if (!space)
        return ERR_NO_KMEM;
    space->pd = pd;
    space->directory = account_frame_alloc(pd);
    if (!space->directory) {
        account_object_free(&space->object);
        return ERR_NO_KMEM;
    }
    status = cap_space_grow(space, slots);
    if (status != OK) {
        account_frame_free(pd, space->directory);
        account_object_free(&space->object);
        return status;
    }
    pd->cap_space = space;
    *out = space;
    return OK;
}

void cap_space_destroy(struct cap_space *space)
{
    for (unsigned i = 0; i < frames_for(space->slots); i++)
        account_frame_free(space->pd, space->directory[i]);
    account_frame_free(space->pd, space->directory);
    space->pd->cap_space = 0;
    account_object_free(&space->object);
}

enum status cap_lookup(const struct cap_space *space, uint64_t index, enum object_type type, uint32_t rights,
                       void *out_object)
{
    const struct slot *slot = cap_space_slot(space, index);

    if (!slot || !slot_live(slot) || slot->target.object_opt->type != type)
        return ERR_CAP;
    if ((slot->rights & rights) != rights)
        return ERR_DENIED;
    *(struct object **)out_object = slot->target.object_opt;
    return OK;
}
