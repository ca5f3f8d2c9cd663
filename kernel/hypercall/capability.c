/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls on capabilities and capability spaces.
 */
#include "kernel/hypercall/hypercall.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/smp.h"

/* Space argument: CAP_NONE means the caller's own, for which no capability is needed. */
static enum status space_argument(struct ec *caller, struct cap_space **out)
{
    if (argument(caller, 0) == CAP_NONE) {
        *out = caller->pd->cap_space;
        return OK;
    }
    return argument_object(caller, 0, OBJECT_CAP_SPACE, RIGHT_SPACE_UPDATE, out);
}

/* A badge is given once, by somebody who may, and to notifications only. */
static enum status badge_check(const struct slot *source, uint64_t badge)
{
    if (!badge || badge == source->badge)
        return OK;
    if (source->target.object_opt->type != OBJECT_NOTIFICATION)
        return ERR_INVALID;
    if (source->badge || !(source->rights & RIGHT_NOTIFICATION_BADGE))
        return ERR_DENIED;
    return OK;
}

enum status hypercall_cap_copy(struct ec *caller)
{
    const struct slot *source = cap_space_slot(caller->pd->cap_space, argument(caller, 2));
    uint64_t badge = argument(caller, 4);
    struct cap_space *space;
    struct slot *destination;
    enum status status = space_argument(caller, &space);

    if (status != OK)
        return status;
    if (!source || !slot_live(source))
        return ERR_CAP;
    status = badge_check(source, badge);
    if (status != OK)
        return status;
    status = cap_slot_for_new(space, argument(caller, 1), &destination);
    if (status != OK)
        return status;

    uint32_t rights = source->rights & (uint32_t)argument(caller, 3);

    if (badge || source->badge)
        rights &= ~(
            uint32_t)(source->target.object_opt->type == OBJECT_NOTIFICATION ? RIGHT_NOTIFICATION_BADGE : 0);
    slot_write(destination, source->target, rights, badge ? badge : source->badge);
    return OK;
}

enum status hypercall_cap_drop(struct ec *caller)
{
    struct cap_space *space;
    struct slot *slot;
    enum status status = space_argument(caller, &space);

    if (status != OK)
        return status;
    slot = cap_space_slot(space, argument(caller, 1));
    if (!slot)
        return ERR_RANGE;
    slot_clear(slot);
    return OK;
}

enum status hypercall_cap_identify(struct ec *caller)
{
    struct pd *pd;
    struct portal *portal;
    enum status status = argument_object(caller, 0, OBJECT_PD, RIGHT_PD_IDENTIFY, &pd);

    if (status != OK)
        return status;
    status = argument_object(caller, 1, OBJECT_PORTAL, 0, &portal);
    if (status != OK)
        return status;
    if (portal->object.account != pd)
        return ERR_NOT_FOUND;
    caller->regs.rdi = portal->id;
    return OK;
}

enum status hypercall_cap_space_grow(struct ec *caller)
{
    struct cap_space *space;
    enum status status = argument_object(caller, 0, OBJECT_CAP_SPACE, RIGHT_SPACE_UPDATE, &space);

    return status == OK ? cap_space_grow(space, argument(caller, 1)) : status;
}

enum status hypercall_destroy(struct ec *caller)
{
    const struct slot *slot = cap_space_slot(caller->pd->cap_space, argument(caller, 0));

    if (!slot || !slot_live(slot))
        return ERR_CAP;
    if (!(slot->rights & RIGHT_DESTROY))
        return ERR_DENIED;
    cpus_stop();
    return object_destroy(slot->target.object_opt);
}
