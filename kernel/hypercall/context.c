/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls on execution and scheduling contexts.
 */
#include "kernel/hypercall/hypercall.h"
#include "kernel/mem/memory.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"

enum status argument_context(const struct ec *caller, unsigned index, uint32_t rights, struct ec **out)
{
    enum status status = argument_object(caller, index, OBJECT_THREAD, rights, out);

    return status == ERR_CAP ? argument_object(caller, index, OBJECT_VCPU, rights, out) : status;
}

enum status hypercall_ec_bind(struct ec *caller)
{
    struct ec *context;
    struct portal *portal;
    enum status status = argument_context(caller, 0, RIGHT_EC_BIND, &context);

    if (status != OK)
        return status;
    status = argument_object(caller, 2, OBJECT_PORTAL, RIGHT_PORTAL_CALL, &portal);
    if (status != OK)
        return status;
    return ec_bind(context, argument(caller, 1), &portal->object, argument(caller, 3));
}

enum status hypercall_ec_control(struct ec *caller)
{
    struct ec *context;
    enum status status = argument_context(caller, 0, RIGHT_EC_CONTROL, &context);

    return status == OK ? ec_control(context, argument(caller, 1)) : status;
}

/* State may be looked at while its owner can neither run nor be in the middle of a call. */
static enum status parked_argument(struct ec *caller, struct ec **out)
{
    enum status status = argument_context(caller, 0, RIGHT_EC_CONTROL, out);

    if (status != OK)
        return status;
    if (argument(caller, 1) & ~ec_groups(*out))
        return ERR_INVALID;
    if ((*out)->cpu != caller->cpu)
        cpus_stop(); /* its CPU's registers may hold some of its state */
    return (*out)->state == EC_PARKED ? OK : ERR_BUSY;
}

enum status hypercall_state_read(struct ec *caller)
{
    struct ec *context;
    enum status status = parked_argument(caller, &context);

    if (status == OK)
        ec_state_read(context, argument(caller, 1), caller->area->words);
    return status;
}

enum status hypercall_state_write(struct ec *caller)
{
    struct ec *context;
    enum status status = parked_argument(caller, &context);

    if (status != OK)
        return status;
    return ec_state_write(context, argument(caller, 1), caller->area->words) ? OK : ERR_INVALID;
}

enum status hypercall_sc_control(struct ec *caller)
{
    struct sc *sc;
    enum status status = argument_object(caller, 0, OBJECT_SC, RIGHT_EC_CONTROL, &sc);

    if (status != OK)
        return status;

    uint64_t priority = argument(caller, 1), budget = argument(caller, 2);

    if (!sc_parameters_ok(priority, budget))
        return ERR_RANGE;
    if (sc->cpu != caller->cpu)
        cpus_stop();
    sc_change(sc, (uint32_t)priority, budget);
    return OK;
}
