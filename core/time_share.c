/* SPDX-License-Identifier: MIT */
/* Shares of processor time, see time_share.h. */
#include "core/time_share.h"

#include "core/core.h"
#include "lib/base/session.h"

#define SLICE_LEAST_US 100u
#define SLICE_MOST_US  1000000u
#define SLICE_USUAL_US 10000u

/* An argument that may be absent: `usual` then. ERR_RANGE: not in [least, most], or no number. */
static enum status number(const char *args, const char *name, uint64_t usual, uint64_t least, uint64_t most,
                          uint64_t *out)
{
    uint64_t value;
    enum status status = session_arg_number(args, name, &value);

    if (status == ERR_NOT_FOUND)
        value = usual;
    else if (status != OK || value < least || value > most)
        return ERR_RANGE;
    *out = value;
    return OK;
}

enum status time_share_parse(const char *args, struct time_share *out)
{
    uint64_t machine = core.boot->cpus, most = SC_PRIORITY_MAX - 1; /* core's own is above all */
    uint64_t priority, cpu, cpus, slice;
    enum status status = number(args, "priority", most, 0, UINT64_MAX, &priority);

    if (status == OK)
        status = number(args, "cpu", 0, 0, machine - 1, &cpu);
    if (status == OK)
        status = number(args, "cpus", machine, 1, UINT64_MAX, &cpus);
    if (status == OK)
        status = number(args, "slice", SLICE_USUAL_US, SLICE_LEAST_US, SLICE_MOST_US, &slice);
    if (status != OK)
        return status;
    *out = (struct time_share){
        .priority_limit = (uint32_t)(priority < most ? priority : most),
        .cpu = (uint32_t)cpu,
        .cpus = (uint32_t)(cpus < machine - cpu ? cpus : machine - cpu),
        .slice = core.boot->tsc_khz * slice / 1000,
    };
    return OK;
}

enum status time_share_cpu(const struct time_share *share, uint32_t index, uint32_t *cpu)
{
    if (index >= share->cpus)
        return ERR_RANGE;
    *cpu = share->cpu + index;
    return OK;
}

enum status time_share_attach(const struct time_share *share, struct kmem *kmem, uint32_t slot,
                              uint32_t context, uint32_t priority, uint32_t cpu)
{
    if (priority > share->priority_limit)
        priority = share->priority_limit;
    return WITH_KMEM(kmem, kernel_create_sc(kmem->pd_slot, slot, context, priority, cpu, share->slice));
}
