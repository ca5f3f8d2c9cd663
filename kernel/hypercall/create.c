/* SPDX-License-Identifier: MIT */
/*
 * create: one function per object type. Arguments: type, account pd, destination slot, p0, p1, p2 (abi/hypercall.h).
 */
#include "kernel/hypercall/hypercall.h"
#include "kernel/iommu/iommu.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/object/space.h"
#include "kernel/sched/sched.h"
#include "kernel/smp.h"

typedef enum status (*create_function)(struct ec *caller, struct pd *account, struct object **out);

static enum status created(void *object, struct object **out)
{
    if (!object)
        return ERR_NO_KMEM;
    *out = object;
    return OK;
}

static enum status create_pd(struct ec *caller, struct pd *account, struct object **out)
{
    (void)caller;
    return created(pd_create(account), out);
}

static enum status create_cap_space(struct ec *caller, struct pd *account, struct object **out)
{
    struct cap_space *space;
    enum status status = cap_space_create(account, argument(caller, 3), &space);

    if (status == OK)
        *out = &space->object;
    return status;
}

static enum status create_host_space(struct ec *caller, struct pd *account, struct object **out)
{
    (void)caller;
    return account->host_space ? ERR_EXISTS : created(host_space_create(account), out);
}

static enum status create_port_space(struct ec *caller, struct pd *account, struct object **out)
{
    (void)caller;
    return account->port_space ? ERR_EXISTS : created(port_space_create(account), out);
}

static enum status create_guest_space(struct ec *caller, struct pd *account, struct object **out)
{
    (void)caller;
    return arch_vcpu_supported() ? created(guest_space_create(account), out) : ERR_UNSUPPORTED;
}

static enum status create_thread(struct ec *caller, struct pd *account, struct object **out)
{
    uint64_t area = argument(caller, 3);
    uint32_t flags = (uint32_t)argument(caller, 4);
    uint32_t cpu = argument(caller, 4) >> 32;
    struct machine *machine;
    enum status status = argument_object(caller, 5, OBJECT_MACHINE, 0, &machine);

    if (status != OK)
        return status;
    if (flags & ~(uint32_t)(THREAD_FPU | THREAD_FOREIGN) || area & (FRAME_SIZE - 1))
        return ERR_INVALID;
    if (cpu >= cpu_count)
        return ERR_RANGE;
    if (area >> FRAME_SHIFT >= frame_count || !frame_is_user(area))
        return ERR_RANGE;
    if (!account->cap_space || !account->host_space)
        return ERR_INVALID;
    return created(thread_create(account, area, flags, cpu), out);
}

static enum status create_vcpu(struct ec *caller, struct pd *account, struct object **out)
{
    struct guest_space *space;
    enum status status = argument_object(caller, 3, OBJECT_GUEST_SPACE, 0, &space);

    if (status != OK)
        return status;
    if (argument(caller, 4) >= cpu_count)
        return ERR_RANGE;
    return created(vcpu_create(account, space, (uint32_t)argument(caller, 4)), out);
}

static enum status create_sc(struct ec *caller, struct pd *account, struct object **out)
{
    uint32_t priority = (uint32_t)argument(caller, 4);
    uint32_t cpu = argument(caller, 4) >> 32;
    uint64_t budget = argument(caller, 5);
    struct ec *context;
    enum status status = argument_context(caller, 3, RIGHT_EC_BIND, &context);

    if (status != OK)
        return status;
    if (!sc_parameters_ok(priority, budget))
        return ERR_RANGE;
    if (cpu != context->cpu)
        return ERR_UNSUPPORTED;
    if (context->sc)
        return ERR_EXISTS;
    if (cpu != caller->cpu)
        cpus_stop();
    return created(sc_create(account, context, priority, budget), out);
}

static enum status create_portal(struct ec *caller, struct pd *account, struct object **out)
{
    struct ec *handler;
    struct portal *portal;
    enum status status = argument_object(caller, 3, OBJECT_THREAD, RIGHT_EC_BIND, &handler);

    if (status != OK)
        return status;
    portal = account_object_alloc(account, OBJECT_PORTAL, sizeof(*portal));
    if (portal) {
        portal->handler = reference_to(&handler->object);
        portal->id = argument(caller, 4);
    }
    return created(portal, out);
}

static enum status create_notification(struct ec *caller, struct pd *account, struct object **out)
{
    (void)caller;
    return created(account_object_alloc(account, OBJECT_NOTIFICATION, sizeof(struct notification)), out);
}

/* p0 is the machine for lines, an IOMMU for its faults, either for messages. */
static enum status interrupt_origin(struct ec *caller, uint32_t flags, struct iommu **iommu_opt)
{
    struct machine *machine;
    enum status status =
        flags & INTERRUPT_FAULT ? ERR_CAP : argument_object(caller, 3, OBJECT_MACHINE, 0, &machine);

    *iommu_opt = NULL;
    if (status == ERR_CAP && flags & (INTERRUPT_FAULT | INTERRUPT_MESSAGE))
        status = argument_object(caller, 3, OBJECT_IOMMU, RIGHT_IOMMU_CONTROL, iommu_opt);
    return status;
}

static enum status create_interrupt(struct ec *caller, struct pd *account, struct object **out)
{
    const struct slot *slot = cap_space_slot(caller->pd->cap_space, argument(caller, 5));
    struct interrupt_source source = {(uint32_t)argument(caller, 4), argument(caller, 4) >> 32, NULL};
    struct notification *notification;
    struct interrupt *interrupt;
    enum status status = interrupt_origin(caller, source.flags, &source.iommu_opt);

    if (status != OK)
        return status;
    status = argument_object(caller, 5, OBJECT_NOTIFICATION, RIGHT_NOTIFICATION_SIGNAL, &notification);
    if (status != OK)
        return status;
    status = interrupt_create(account, &source, notification, slot_signal_bits(slot), &interrupt);
    if (status != OK)
        return status;
    *out = &interrupt->object;
    if (source.flags == INTERRUPT_MESSAGE) {
        struct message message = interrupt_message(interrupt);

        caller->regs.rdi = message.address;
        caller->regs.rsi = message.data;
    }
    return OK;
}

static enum status create_iommu(struct ec *caller, struct pd *account, struct object **out)
{
    struct machine *machine;
    struct iommu *iommu;
    enum status status = argument_object(caller, 3, OBJECT_MACHINE, RIGHT_ALL, &machine);

    if (status != OK)
        return status;
    status = iommu_create(account, argument(caller, 4), &iommu);
    if (status != OK)
        return status;
    *out = &iommu->object;
    caller->regs.rdi = iommu_features(iommu);
    return OK;
}

static enum status create_dma_space(struct ec *caller, struct pd *account, struct object **out)
{
    struct iommu *iommu;
    struct dma_space *space;
    enum status status = argument_object(caller, 3, OBJECT_IOMMU, RIGHT_IOMMU_CONTROL, &iommu);

    if (status != OK)
        return status;
    status = dma_space_create(account, iommu, &space);
    if (status == OK)
        *out = &space->object;
    return status;
}

static const create_function functions[OBJECT_TYPE_COUNT] = {
    [OBJECT_PD] = create_pd,
    [OBJECT_CAP_SPACE] = create_cap_space,
    [OBJECT_HOST_SPACE] = create_host_space,
    [OBJECT_GUEST_SPACE] = create_guest_space,
    [OBJECT_PORT_SPACE] = create_port_space,
    [OBJECT_THREAD] = create_thread,
    [OBJECT_VCPU] = create_vcpu,
    [OBJECT_SC] = create_sc,
    [OBJECT_PORTAL] = create_portal,
    [OBJECT_NOTIFICATION] = create_notification,
    [OBJECT_INTERRUPT] = create_interrupt,
    [OBJECT_IOMMU] = create_iommu,
    [OBJECT_DMA_SPACE] = create_dma_space,
};

static uint32_t right_to_create(uint64_t type)
{
    bool ipc = type == OBJECT_PORTAL || type == OBJECT_NOTIFICATION;

    return ipc ? RIGHT_PD_CREATE_IPC : RIGHT_PD_CREATE_ANY;
}

enum status hypercall_create(struct ec *caller)
{
    uint64_t type = argument(caller, 0);
    struct pd *account;
    struct slot *destination;
    struct object *object;
    enum status status;

    if (type >= OBJECT_TYPE_COUNT || !functions[type])
        return ERR_UNSUPPORTED;
    status = argument_object(caller, 1, OBJECT_PD, right_to_create(type), &account);
    if (status != OK)
        return status;
    status = cap_slot_for_new(caller->pd->cap_space, argument(caller, 2), &destination);
    if (status != OK)
        return status;
    status = functions[type](caller, account, &object);
    if (status != OK)
        return status;
    slot_set(destination, object, RIGHT_ALL, 0);
    return OK;
}
