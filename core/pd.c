/* SPDX-License-Identifier: MIT */
/* Protection domains: making and unmaking, see pd.h. */
#include "core/pd.h"

#include "core/assert.h"
#include "core/core.h"
#include "lib/base/env.h"
#include "lib/base/session.h"
#include "lib/string/string.h"

#define SLOTS_LEAST   256u
#define SLOTS_MOST    8192u
#define ADDRESS_START 0x1000ull
#define ADDRESS_END   0x00007fffffff0000ull
#define ADDRESS_AUTO  0x0000000100000000ull /* automatic places lie above the usual link addresses */

/* Twice as many slots as core may use on its behalf: the domain makes portals and notifications of its own. */
static uint64_t slots_usual(const struct pd *pd)
{
    return pd->session.account.caps.limit * 2;
}

static uint32_t slots_rounded(uint64_t number)
{
    if (number < SLOTS_LEAST)
        number = SLOTS_LEAST;
    if (number > SLOTS_MOST)
        number = SLOTS_MOST;
    return (uint32_t)(number + CAP_SLOTS_PER_FRAME - 1) / CAP_SLOTS_PER_FRAME * CAP_SLOTS_PER_FRAME;
}

static uint32_t slots_for(const struct pd *pd, const char *args)
{
    uint64_t number;

    if (session_arg_number(args, "slots", &number) != OK)
        number = slots_usual(pd);
    return slots_rounded(number);
}

void pd_slots_raise(struct pd *pd)
{
    uint32_t slots = slots_rounded(slots_usual(pd));

    if (slots > pd->slots && WITH_KMEM(&pd->kmem, kernel_cap_space_grow(pd->cap_space, slots)) == OK)
        pd->slots = slots;
}

static enum status make_kernel_pd(struct pd *pd)
{
    struct account *account = &pd->session.account;
    enum status status = slot_take(account, &pd->kmem.pd_slot);

    if (status != OK)
        return status;
    status = WITH_KMEM(&core.kmem, kernel_create_pd(ROOT_SLOT_PD, pd->kmem.pd_slot));
    if (status != OK) {
        slot_give(account, pd->kmem.pd_slot);
        pd->kmem.pd_slot = CAP_NONE;
    }
    return status;
}

static enum status make_spaces(struct pd *pd)
{
    struct account *account = &pd->session.account;
    enum status status = slot_take(account, &pd->cap_space);

    if (status == OK)
        status = WITH_KMEM(&pd->kmem, kernel_create_cap_space(pd->kmem.pd_slot, pd->cap_space, pd->slots));
    if (status == OK)
        status = slot_take(account, &pd->host_space);
    if (status == OK)
        status = WITH_KMEM(&pd->kmem, kernel_create_host_space(pd->kmem.pd_slot, pd->host_space));
    if (status == OK)
        status = account_take_frame(account, &pd->space.scratch);
    return status;
}

static enum status fill_own_slots(struct pd *pd)
{
    enum status status = kernel_cap_copy(pd->cap_space, ENV_SLOT_PD, pd->kmem.pd_slot,
                                         RIGHT_PD_CREATE_IPC | RIGHT_PD_IDENTIFY, 0);

    if (status != OK)
        return status;
    return kernel_cap_copy(pd->cap_space, ENV_SLOT_PD_SESSION, pd->session.object.slot, RIGHT_PORTAL_CALL, 0);
}

/* The kernel ends everything on the account; what it used is then free and is taken back (kernel/object/pd.c). */
static void end_kernel_pd(struct pd *pd)
{
    struct account *account = &pd->session.account;

    if (pd->kmem.pd_slot == CAP_NONE)
        return;
    enum status status = kernel_destroy(pd->kmem.pd_slot);

    ASSERT(status == ERR_BUSY || status == OK);
    if (status == ERR_BUSY) {
        kmem_reclaim(&pd->kmem);
        status = kernel_destroy(pd->kmem.pd_slot);
        ASSERT(status == OK);
    }
    ASSERT(pd->kmem.frames == 0);
    slot_give(account, pd->kmem.pd_slot);
    slot_give(account, pd->cap_space);
    slot_give(account, pd->host_space);
    slot_give(account, pd->port_space);
    pd->space.slot = CAP_NONE;
}

static void pd_close(struct session *session)
{
    struct pd *pd = (struct pd *)session;
    struct account *account = &session->account;

    while (pd->threads)
        pd_thread_destroy(pd->threads);
    io_port_forget(pd);
    end_kernel_pd(pd);
    region_map_clear(&pd->map);
    while (pd->maps)
        managed_map_destroy((struct managed_map *)pd->maps);
    while (pd->dataspaces) {
        object_unpublish(&pd->dataspaces->object);
        dataspace_destroy(pd->dataspaces);
    }
    slot_give(account, pd->fault_notification);
    if (pd->space.scratch)
        account_return_frame(account, pd->space.scratch);
}

static enum status pd_open(struct session *session, const char *args)
{
    struct pd *pd = (struct pd *)session;
    enum status status = time_share_parse(args, &pd->time);

    if (status != OK)
        return status;
    pd->kmem.account = &session->account;
    pd->space.kmem = &pd->kmem;
    pd->slots = slots_for(pd, args);
    region_map_init(&pd->map, &session->account, &pd->space, ADDRESS_START, ADDRESS_END, ADDRESS_AUTO);
    status = make_kernel_pd(pd);
    if (status == OK)
        status = make_spaces(pd);
    if (status == OK)
        status = fill_own_slots(pd);
    pd->space.slot = pd->host_space;
    if (status != OK)
        pd_close(session);
    return status;
}

const struct service pd_service = {
    .name = PD_SERVICE,
    .kind = KIND_PD,
    .size = sizeof(struct pd),
    .open = pd_open,
    .close = pd_close,
    .dispatch = pd_session_dispatch,
};

enum status pd_identify(uint32_t slot, struct pd **out)
{
    struct object *object;
    enum status status = object_identify(slot, KIND_PD, &object);

    if (status == OK)
        *out = (struct pd *)object;
    return status;
}

enum status dataspace_identify(uint32_t slot, struct dataspace **out)
{
    struct object *object;
    enum status status = object_identify(slot, KIND_DATASPACE, &object);

    if (status != OK)
        status = object_identify(slot, KIND_REGION_MAP, &object);
    if (status == OK)
        *out = (struct dataspace *)object;
    return status;
}

bool pd_read(struct pd *pd, uint64_t address, void *buffer, size_t size)
{
    char *to = buffer;

    while (size > 0) {
        size_t part = FRAME_SIZE - address % FRAME_SIZE;
        struct place place;
        uint64_t physical;

        part = part < size ? part : size;
        region_map_lookup(&pd->map, address, &place);
        if (!place.dataspace_opt || place.dataspace_opt->flags & DATASPACE_DEVICE ||
            dataspace_physical(place.dataspace_opt, place.offset, &physical) != OK)
            return false;
        memcpy(to, frames_pointer(&core.frames, physical), part);
        address += part;
        to += part;
        size -= part;
    }
    return true;
}
