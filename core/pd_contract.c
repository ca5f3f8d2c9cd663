/* SPDX-License-Identifier: MIT */
/*
 * The PD contract: what a domain, or who built it, may ask. The dispatcher has checked alignment, flags and texts.
 */
#include "contract/pd/dispatch.h"
#include "core/core.h"
#include "core/pd.h"

#define KMEM_GROW_MOST 65536u

_Static_assert((unsigned)PD_THREAD_FPU == THREAD_FPU && (unsigned)PD_THREAD_FOREIGN == THREAD_FOREIGN,
               "flags are passed on");

static unsigned attach_rights(uint32_t rights)
{
    return (rights & PD_WRITE ? ATTACH_WRITE : 0u) | (rights & PD_EXECUTE ? ATTACH_EXECUTE : 0u);
}

/* Only the session that made a dataspace or map may free or change it. */
static enum status own_dataspace(const struct pd *pd, uint32_t slot, struct dataspace **out)
{
    struct object *object;
    enum status status = object_identify(slot, KIND_DATASPACE, &object);

    if (status != OK)
        return status;
    struct dataspace *dataspace = (struct dataspace *)object;

    if (object->account != &pd->session.account || !(dataspace->flags & DATASPACE_RAM))
        return ERR_DENIED;
    *out = dataspace;
    return OK;
}

static enum status own_map(const struct pd *pd, uint32_t slot, struct managed_map **out)
{
    struct object *object;
    enum status status = object_identify(slot, KIND_REGION_MAP, &object);

    if (status != OK)
        return status;
    if (object->account != &pd->session.account)
        return ERR_DENIED;
    *out = (struct managed_map *)object;
    return OK;
}

/* What an earlier request for the same began, or a new beginning. */
static enum status find_unfinished(struct pd *pd, uint64_t size, unsigned flags, struct dataspace **out)
{
    for (struct dataspace *dataspace = pd->unfinished; dataspace; dataspace = dataspace->next)
        if (dataspace->size == size && dataspace->flags == flags) {
            dataspace_unlink(dataspace);
            *out = dataspace;
            return OK;
        }
    return dataspace_begin(&pd->session.account, size, flags, out);
}

static enum status alloc(struct pd *pd, uint64_t size, unsigned flags, struct dataspace **out)
{
    struct dataspace *dataspace;
    enum status status = find_unfinished(pd, size, flags, &dataspace);

    if (status != OK)
        return status;
    status = dataspace_fill(dataspace);
    if (status == ERR_AGAIN)
        dataspace_link(dataspace, &pd->unfinished);
    else if (status != OK)
        dataspace_destroy(dataspace);
    else
        *out = dataspace;
    return status;
}

static enum status handle_dataspace_alloc(void *session, const struct pd_dataspace_alloc *in,
                                          struct message_cap *out)
{
    struct pd *pd = session;
    struct dataspace *dataspace;
    uint64_t size = (in->size + FRAME_SIZE - 1) & ~(FRAME_SIZE - 1);
    unsigned flags = DATASPACE_RAM | DATASPACE_WRITE | DATASPACE_EXECUTE;

    /* LARGE needs no flag: whole blocks are used for large dataspaces as long as there are any. */
    if (in->flags & PD_DATASPACE_CONTIGUOUS)
        flags |= DATASPACE_CONTIGUOUS;
    enum status status = alloc(pd, size, flags, &dataspace);

    if (status == ERR_NO_RAM) {
        kmem_reclaim(&pd->kmem); /* frames that the kernel has no use for at the moment */
        while (pd->unfinished)   /* and what nobody asks for any more, perhaps */
            dataspace_destroy(pd->unfinished);
        status = alloc(pd, size, flags, &dataspace);
    }
    if (status != OK)
        return status;
    status = object_publish(&dataspace->object, 0);
    if (status != OK) {
        dataspace_destroy(dataspace);
        return status;
    }
    dataspace_link(dataspace, &pd->dataspaces);
    *out = object_cap(&dataspace->object);
    return OK;
}

static enum status handle_dataspace_free(void *session, uint32_t slot)
{
    struct dataspace *dataspace;
    enum status status = own_dataspace(session, slot, &dataspace);

    if (status == OK)
        status = dataspace_retire(dataspace);
    if (status != OK)
        return status;
    object_unpublish(&dataspace->object);
    dataspace_destroy(dataspace);
    return OK;
}

static enum status handle_dataspace_seal(void *session, uint32_t slot)
{
    struct dataspace *dataspace;
    enum status status = own_dataspace(session, slot, &dataspace);

    if (status == OK)
        dataspace->flags &= ~(unsigned)DATASPACE_WRITE;
    return status;
}

static enum status handle_dataspace_info(void *session, uint32_t slot, struct pd_dataspace_info *out)
{
    struct dataspace *dataspace;
    enum status status = dataspace_identify(slot, &dataspace);

    (void)session;
    if (status != OK)
        return status;
    /* So a server can tell the memory that a client sends from a map, where the client could let it wait for ever. */
    if (dataspace->flags & DATASPACE_MAP)
        return ERR_UNSUPPORTED;
    *out = (struct pd_dataspace_info){
        .size = dataspace->size,
        .rights = PD_READ | (dataspace->flags & DATASPACE_WRITE ? (uint32_t)PD_WRITE : 0u) |
                  (dataspace->flags & DATASPACE_EXECUTE ? (uint32_t)PD_EXECUTE : 0u),
    };
    return OK;
}

static enum status attach_to(struct region_map *map, const struct pd_attach *in, uint32_t slot,
                             struct pd_address *out)
{
    struct dataspace *dataspace;
    enum status status = dataspace_identify(slot, &dataspace);

    if (status != OK)
        return status;
    struct attach attach = {
        .dataspace = dataspace,
        .offset = in->offset,
        .size = in->size,
        .address = in->address,
        .fixed = in->address != PD_ANYWHERE,
        .rights = attach_rights(in->rights),
    };
    return region_map_attach(map, &attach, &out->address);
}

static enum status handle_attach(void *session, const struct pd_attach *in, uint32_t slot,
                                 struct pd_address *out)
{
    return attach_to(&((struct pd *)session)->map, in, slot, out);
}

static enum status handle_detach(void *session, uint64_t address)
{
    return region_map_detach(&((struct pd *)session)->map, address);
}

static enum status handle_map_create(void *session, uint64_t size, struct message_cap *out)
{
    struct managed_map *managed;
    enum status status = managed_map_create(session, size, &managed);

    if (status == OK)
        *out = object_cap(&managed->map.self.object);
    return status;
}

static enum status handle_map_destroy(void *session, uint32_t slot)
{
    struct managed_map *managed;
    enum status status = own_map(session, slot, &managed);

    return status == OK ? managed_map_destroy(managed) : status;
}

static enum status handle_map_attach(void *session, const struct pd_attach *in, uint32_t map, uint32_t slot,
                                     struct pd_address *out)
{
    struct managed_map *managed;
    enum status status = own_map(session, map, &managed);

    if (status == OK)
        status = attach_to(&managed->map, in, slot, out);
    if (status == OK)
        managed_map_wake(managed, out->address, in->size ? in->size : managed->map.end - out->address);
    return status;
}

static enum status handle_map_detach(void *session, uint32_t map, uint64_t address)
{
    struct managed_map *managed;
    enum status status = own_map(session, map, &managed);

    return status == OK ? region_map_detach(&managed->map, address) : status;
}

static enum status handle_map_pager(void *session, uint32_t map, uint32_t notification)
{
    struct pd *pd = session;
    struct managed_map *managed;
    enum status status = own_map(pd, map, &managed);

    if (status != OK)
        return status;
    return slot_replace(&pd->session.account, notification, RIGHT_NOTIFICATION_SIGNAL, &managed->pager);
}

static enum status handle_map_fault(void *session, uint32_t map, struct pd_region_fault *out)
{
    struct managed_map *managed;
    enum status status = own_map(session, map, &managed);

    if (status != OK)
        return status;
    for (struct core_thread *thread = managed->waiting; thread; thread = thread->next_waiting) {
        if (thread->wait_reported)
            continue;
        thread->wait_reported = true;
        *out = (struct pd_region_fault){
            .offset = thread->wait_offset & ~(FRAME_SIZE - 1),
            .access = thread->wait_access,
        };
        return OK;
    }
    return ERR_NOT_FOUND;
}

static enum status handle_thread_create(void *session, const struct pd_thread_create *in,
                                        struct pd_thread *out, struct message_cap *cap)
{
    struct core_thread *thread;
    enum status status = pd_thread_create(session, in, &thread);

    if (status != OK)
        return status;
    *out = (struct pd_thread){.id = thread->id, .message_area = thread->area_address};
    *cap = (struct message_cap){.slot = thread->slot, .rights = RIGHT_EC_CONTROL | RIGHT_EC_BIND};
    return OK;
}

static enum status handle_thread_start(void *session, const struct pd_thread_start *in)
{
    struct core_thread *thread = pd_thread_find(session, in->id);

    return thread ? pd_thread_start(thread, in) : ERR_NOT_FOUND;
}

static enum status handle_thread_destroy(void *session, uint32_t id)
{
    if (id == PD_THREAD_ALL)
        return pd_threads_destroy(session);

    struct core_thread *thread = pd_thread_find(session, id);

    if (!thread)
        return ERR_NOT_FOUND;
    pd_thread_destroy(thread);
    return OK;
}

static enum status handle_kmem_grow(void *session, uint64_t frames)
{
    return frames <= KMEM_GROW_MOST ? kmem_add(&((struct pd *)session)->kmem, frames) : ERR_RANGE;
}

static enum status handle_transfer(void *session, const struct pd_quota *in, uint32_t receiver)
{
    struct pd *from = session, *to;
    enum status status = pd_identify(receiver, &to);

    if (status != OK)
        return status;
    status = account_transfer(&from->session.account, &to->session.account, in->ram, in->caps);
    if (status == ERR_NO_RAM) {
        kmem_reclaim(&from->kmem);
        status = account_transfer(&from->session.account, &to->session.account, in->ram, in->caps);
    }
    if (status == OK)
        pd_slots_raise(to);
    return status;
}

static enum status handle_info(void *session, struct pd_info *out)
{
    const struct pd *pd = session;
    const struct account *account = &pd->session.account;
    struct kernel_account kernel;
    uint32_t threads = 0;
    enum status status = kernel_pd_info(pd->kmem.pd_slot, &kernel);

    if (status != OK)
        return status;
    for (const struct core_thread *thread = pd->threads; thread; thread = thread->next)
        threads++;
    *out = (struct pd_info){
        .ram_limit = account->ram.limit,
        .ram_used = account->ram.used,
        .caps_limit = (uint32_t)account->caps.limit,
        .caps_used = (uint32_t)account->caps.used,
        .kmem_frames = pd->kmem.frames,
        .kmem_used = kernel.frames_used,
        .slots = pd->slots,
        .threads = threads,
        .cpus = pd->time.cpus,
    };
    return OK;
}

static enum status handle_grant(void *session, const struct pd_grant *in, uint32_t given)
{
    return kernel_cap_copy(((struct pd *)session)->cap_space, in->slot, given, in->rights, 0);
}

static enum status handle_set_symbols(void *session, const struct pd_symbols *in)
{
    ((struct pd *)session)->symbols = *in;
    return OK;
}

static enum status handle_fault_notify(void *session, uint32_t notification)
{
    struct pd *pd = session;

    /* The first one is the builder's, set before the domain runs: a component is not to hide its faults. */
    if (pd->fault_notification != CAP_NONE)
        return ERR_EXISTS;
    return slot_replace(&pd->session.account, notification, RIGHT_NOTIFICATION_SIGNAL,
                        &pd->fault_notification);
}

static enum status handle_fault_info(void *session, struct pd_fault *out)
{
    for (struct core_thread *thread = ((struct pd *)session)->threads; thread; thread = thread->next) {
        if (!thread->fault_unreported)
            continue;
        thread->fault_unreported = false;
        *out = thread->fault;
        return OK;
    }
    return ERR_NOT_FOUND;
}

static const struct pd_handlers handlers = {
    .dataspace_alloc = handle_dataspace_alloc,
    .dataspace_free = handle_dataspace_free,
    .dataspace_info = handle_dataspace_info,
    .dataspace_seal = handle_dataspace_seal,
    .attach = handle_attach,
    .detach = handle_detach,
    .region_map_create = handle_map_create,
    .region_map_destroy = handle_map_destroy,
    .region_map_attach = handle_map_attach,
    .region_map_detach = handle_map_detach,
    .region_map_pager = handle_map_pager,
    .region_map_fault = handle_map_fault,
    .thread_create = handle_thread_create,
    .thread_start = handle_thread_start,
    .thread_destroy = handle_thread_destroy,
    .kmem_grow = handle_kmem_grow,
    .transfer = handle_transfer,
    .info = handle_info,
    .grant = handle_grant,
    .set_symbols = handle_set_symbols,
    .fault_notify = handle_fault_notify,
    .fault_info = handle_fault_info,
};

enum status pd_session_dispatch(struct session *session, struct dispatch *d)
{
    return pd_dispatch(&handlers, session, d);
}
