/* SPDX-License-Identifier: MIT */
/*
 * Threads of a domain: kernel thread, scheduling context, message area, and the portal for its events.
 */
#include "abi/thread_state.h"
#include "core/assert.h"
#include "core/core.h"
#include "core/pd.h"
#include "lib/string/string.h"

#define EVENT_GROUPS (THREAD_GROUP_GPR | THREAD_GROUP_IP | THREAD_GROUP_BASE | THREAD_GROUP_EVENT)

static enum status make_area(struct core_thread *thread)
{
    struct account *account = thread->object.account;
    enum status status = dataspace_create(account, MESSAGE_AREA_SIZE, DATASPACE_WRITE, &thread->area);

    if (status != OK)
        return status;
    struct attach attach = {.dataspace = thread->area, .rights = ATTACH_WRITE, .pinned = true};

    status = region_map_attach(&thread->pd->map, &attach, &thread->area_address);
    if (status != OK) {
        dataspace_destroy(thread->area);
        thread->area = NULL;
    }
    return status;
}

static enum status make_kernel_thread(struct core_thread *thread, unsigned flags, uint32_t cpu)
{
    struct pd *pd = thread->pd;
    uint64_t area;
    enum status status = dataspace_physical(thread->area, 0, &area);

    if (status == OK)
        status = slot_take(thread->object.account, &thread->slot);
    if (status == OK)
        status = WITH_KMEM(&pd->kmem, kernel_create_thread(pd->kmem.pd_slot, thread->slot, area, flags, cpu,
                                                           ROOT_SLOT_MACHINE));
    return status;
}

static enum status bind_events(struct core_thread *thread)
{
    enum status status = object_publish(&thread->object, OBJECT_ID_EVENT);

    if (status == OK)
        status = kernel_ec_bind(thread->slot, THREAD_EVENT_PAGE_FAULT, thread->object.slot, EVENT_GROUPS);
    if (status == OK)
        status = kernel_ec_bind(thread->slot, THREAD_EVENT_EXCEPTION, thread->object.slot, EVENT_GROUPS);
    return status;
}

static enum status make_sc(struct core_thread *thread, unsigned priority, uint32_t cpu)
{
    struct pd *pd = thread->pd;
    enum status status = slot_take(thread->object.account, &thread->sc_slot);

    if (status != OK)
        return status;
    return time_share_attach(&pd->time, &pd->kmem, thread->sc_slot, thread->slot, priority, cpu);
}

enum status pd_thread_create(struct pd *pd, const struct pd_thread_create *in, struct core_thread **out)
{
    void *note;
    uint32_t cpu;
    enum status status = time_share_cpu(&pd->time, in->cpu, &cpu);

    if (status == OK)
        status = slab_alloc(&pd->session.account, sizeof(struct core_thread), &note);
    if (status != OK)
        return status;
    struct core_thread *thread = note;

    thread->object = (struct object){.kind = KIND_THREAD, .account = &pd->session.account};
    thread->pd = pd;
    thread->id = ++pd->last_thread;
    (void)string_copy(thread->name, sizeof(thread->name), in->name);
    thread->next = pd->threads;
    pd->threads = thread;
    status = make_area(thread);
    if (status == OK)
        status = make_kernel_thread(thread, in->flags, cpu);
    if (status == OK)
        status = bind_events(thread);
    if (status == OK)
        status = make_sc(thread, in->priority, cpu);
    if (status == OK && in->own_slot)
        status =
            kernel_cap_copy(pd->cap_space, in->own_slot, thread->slot, RIGHT_EC_CONTROL | RIGHT_EC_BIND, 0);
    if (status != OK) {
        pd_thread_destroy(thread);
        return status;
    }
    *out = thread;
    return OK;
}

enum status pd_thread_start(struct core_thread *thread, const struct pd_thread_start *in)
{
    struct thread_state *state = (struct thread_state *)core_area()->words;
    unsigned groups = THREAD_GROUP_GPR | THREAD_GROUP_IP | THREAD_GROUP_BASE;

    memset(state, 0, offsetof(struct thread_state, fpu));
    state->groups = groups;
    state->rdi = in->argument;
    state->rip = in->ip;
    state->rsp = in->sp;
    state->fs_base = in->tls;
    enum status status = kernel_state_write(thread->slot, groups);

    return status == OK ? kernel_ec_control(thread->slot, EC_RESUME) : status;
}

/* Destroys a kernel object if the slot holds one: a step of making it may have failed. */
static void end_object(struct core_thread *thread, uint32_t slot)
{
    if (slot == CAP_NONE)
        return;
    enum status status = kernel_destroy(slot);

    ASSERT(status == OK || status == ERR_CAP);
    slot_give(thread->object.account, slot);
}

void pd_thread_destroy(struct core_thread *thread)
{
    struct core_thread **link = &thread->pd->threads;

    while (*link != thread)
        link = &(*link)->next;
    *link = thread->next;
    managed_map_forget(thread);
    end_object(thread, thread->slot);
    end_object(thread, thread->sc_slot);
    object_unpublish(&thread->object);
    if (thread->area) {
        region_map_unpin(&thread->pd->map, thread->area_address);
        dataspace_destroy(thread->area);
    }
    slab_free(thread);
}

struct core_thread *pd_thread_find(struct pd *pd, uint32_t id)
{
    struct core_thread *thread = pd->threads;

    while (thread && thread->id != id)
        thread = thread->next;
    return thread;
}
