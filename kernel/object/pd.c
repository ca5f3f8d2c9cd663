/* SPDX-License-Identifier: MIT */
/*
 * Protection domains: creation, and destruction of everything that an account paid for.
 */
#include "kernel/object/pd.h"

#include "kernel/iommu/iommu.h"
#include "kernel/object/cap_space.h"
#include "kernel/object/ec.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/object/space.h"
#include "kernel/sched/sched.h"

/* Objects that one pd_destroy() ends at most: bounds the time with interrupts off. */
#define PD_DESTROY_BATCH 16u

struct pd *pd_create(struct pd *payer)
{
    return account_object_alloc(payer, OBJECT_PD, sizeof(struct pd));
}

static enum status host_space_destroy(struct host_space *space)
{
    if (space->pd->threads_live)
        return ERR_BUSY;
    arch_host_space_forget(space);
    if (!host_space_release(space))
        return ERR_AGAIN;
    space->pd->host_space = 0;
    account_object_free(&space->object);
    return OK;
}

static enum status port_space_destroy(struct port_space *space)
{
    arch_port_space_forget(space);
    port_space_release(space);
    space->pd->port_space = 0;
    account_object_free(&space->object);
    return OK;
}

static enum status guest_space_destroy(struct guest_space *space)
{
    space
        ->flush_generation++; /* virtual CPUs may go on until the object is gone, but not with what they remember */
    if (!guest_space_release(space))
        return ERR_AGAIN;
    account_object_free(&space->object);
    return OK;
}

static enum status dma_space_destroy(struct dma_space *space)
{
    if (!dma_space_release(space))
        return ERR_AGAIN;
    account_object_free(&space->object);
    return OK;
}

static enum status cap_space_end(struct cap_space *space)
{
    if (space->pd->threads_live)
        return ERR_BUSY;
    cap_space_destroy(space);
    return OK;
}

enum status object_destroy(struct object *object)
{
    switch (object->type) {
    case OBJECT_PD: return pd_destroy((struct pd *)object);
    case OBJECT_CAP_SPACE: return cap_space_end((struct cap_space *)object);
    case OBJECT_HOST_SPACE: return host_space_destroy((struct host_space *)object);
    case OBJECT_PORT_SPACE: return port_space_destroy((struct port_space *)object);
    case OBJECT_GUEST_SPACE: return guest_space_destroy((struct guest_space *)object);
    case OBJECT_DMA_SPACE: return dma_space_destroy((struct dma_space *)object);
    case OBJECT_IOMMU: iommu_destroy((struct iommu *)object); return OK;
    case OBJECT_THREAD:
    case OBJECT_VCPU: ec_destroy((struct ec *)object); return OK;
    case OBJECT_SC: sc_destroy((struct sc *)object); return OK;
    case OBJECT_NOTIFICATION: notification_destroy((struct notification *)object); return OK;
    case OBJECT_INTERRUPT: interrupt_destroy((struct interrupt *)object); return OK;
    case OBJECT_PORTAL: account_object_free(object); return OK;
    default: return ERR_UNSUPPORTED;
    }
}

/*
 * First everything on the account is destroyed, a batch at a time (ERR_AGAIN). Then the frames must be taken back
 * (ERR_BUSY until the account owns none). A PD inside the account must be emptied by its own owner first (ERR_BUSY).
 */
enum status pd_destroy(struct pd *pd)
{
    struct pd *inner =
        pd; /* where we are: PDs inside accounts are emptied without recursion, since they may be deep */

    for (unsigned i = 0; i < PD_DESTROY_BATCH; i++) {
        struct object *object = account_any_object(inner);

        while (object && object->type == OBJECT_PD) {
            inner = (struct pd *)object;
            object = account_any_object(inner);
        }
        if (!object) {
            if (inner->frames_owned)
                return ERR_BUSY;
            account_object_free(&inner->object);
            return inner == pd ? OK : ERR_AGAIN;
        }

        enum status status = object_destroy(object);

        if (status != OK)
            return status;
    }
    return ERR_AGAIN;
}
