/* SPDX-License-Identifier: MIT */
/* Protection domains: making and unmaking, see pd.h. */
#include "core/pd.h"

#include "core/assert.h"
#include "core/core.h"
#include "lib/base/env.h"
#include "lib/base/session.h"
#include "lib/string/string.h"

#define CLOSE_STEPS   16u /* threads or dataspaces that one pd_close ends at most */
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

static void give_slots(struct pd *pd)
{
    uint32_t *slots[] = {&pd->cap_space, &pd->host_space, &pd->port_space, &pd->fault_notification};

    for (unsigned i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
        slot_give(&pd->session.account, *slots[i]);
        *slots[i] = CAP_NONE;
    }
}

/* All dataspaces in the list, in parts. */
static enum status destroy_dataspaces(struct dataspace **head)
{
    for (unsigned n = 0; *head; n++) {
        if (n == CLOSE_STEPS)
            return ERR_AGAIN;
        object_unpublish(&(*head)->object);
        if (dataspace_retire(*head) != OK)
            return ERR_AGAIN;
        dataspace_destroy(*head);
    }
    return OK;
}

enum status pd_threads_destroy(struct pd *pd)
{
    for (unsigned n = 0; pd->threads; n++) {
        if (n == CLOSE_STEPS)
            return ERR_AGAIN;
        pd_thread_destroy(pd->threads);
    }
    return OK;
}

static enum status pd_close(struct session *session)
{
    struct pd *pd = (struct pd *)session;

    if (pd_threads_destroy(pd) != OK)
        return ERR_AGAIN;
    io_port_forget(pd);
    pd->space.slot = CAP_NONE; /* nobody runs there any more, so changes by others have no effect */
    if (kmem_end(&pd->kmem) != OK)
        return ERR_AGAIN;
    give_slots(pd);
    if (region_map_clear(&pd->map) != OK)
        return ERR_AGAIN;
    while (pd->maps)
        if (managed_map_destroy((struct managed_map *)pd->maps) != OK)
            return ERR_AGAIN;
    if (destroy_dataspaces(&pd->dataspaces) != OK || destroy_dataspaces(&pd->unfinished) != OK)
        return ERR_AGAIN;
    if (pd->space.scratch)
        account_return_frame(&session->account, pd->space.scratch);
    return OK;
}

static enum status pd_open(struct session *session, const char *args)
{
    struct pd *pd = (struct pd *)session;
    enum status status = time_share_parse(args, &pd->time);

    if (status != OK)
        return status;
    session->kmem_opt = &pd->kmem;
    pd->space.kmem = &pd->kmem;
    pd->slots = slots_for(pd, args);
    region_map_init(&pd->map, &session->account, &pd->space, ADDRESS_START, ADDRESS_END, ADDRESS_AUTO);
    status = kmem_begin(&pd->kmem, &session->account);
    if (status == OK)
        status = make_spaces(pd);
    if (status == OK)
        status = fill_own_slots(pd);
    pd->space.slot = pd->host_space;
    if (status != OK)
        while (pd_close(session) != OK)
            ;
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
