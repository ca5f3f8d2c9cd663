/* SPDX-License-Identifier: MIT */
/* Slots, portals and kernel memory, see kernel_objects.h. */
#include "core/kernel_objects.h"

#include "core/assert.h"
#include "core/core.h"
#include "lib/base/slots.h"

#define REFILL_FRAMES 2u
#define GIVE_MOST     256u /* frames in one hypercall */
#define END_STEPS     64u  /* hypercalls of one kmem_end */

static struct slots slots;

void core_slots_init(uint32_t first, uint32_t limit)
{
    slots_init(&slots, first, limit);
}

enum status slot_take(struct account *account, uint32_t *slot)
{
    enum status status = account_charge_caps(account, 1);

    if (status != OK)
        return status;
    status = slots_take(&slots, 1, slot);
    if (status != OK)
        account_refund_caps(account, 1);
    return status;
}

void slot_give(struct account *account, uint32_t slot)
{
    if (slot == CAP_NONE)
        return;
    enum status status = kernel_cap_drop(CAP_NONE, slot);
    bool known = slots_give(&slots, slot, 1);

    ASSERT(status == OK && known);
    account_refund_caps(account, 1);
}

enum status slot_keep(struct account *account, uint32_t lent, uint32_t rights, uint32_t *slot)
{
    uint32_t taken;
    enum status status = slot_take(account, &taken);

    if (status != OK)
        return status;
    status = kernel_cap_copy(CAP_NONE, taken, lent, rights, 0);
    if (status != OK) {
        slot_give(account, taken);
        return status;
    }
    *slot = taken;
    return OK;
}

enum status slot_replace(struct account *account, uint32_t lent, uint32_t rights, uint32_t *kept)
{
    uint32_t slot;
    enum status status = slot_keep(account, lent, rights, &slot);

    if (status != OK)
        return status;
    slot_give(account, *kept);
    *kept = slot;
    return OK;
}

enum status object_publish(struct object *object, unsigned tag)
{
    uint32_t slot;
    enum status status = slot_take(object->account, &slot);

    if (status != OK)
        return status;
    status = WITH_KMEM(&core.kmem,
                       kernel_create_portal(ROOT_SLOT_PD, slot, ROOT_SLOT_THREAD, (uintptr_t)object | tag));
    if (status != OK) {
        slot_give(object->account, slot);
        return status;
    }
    object->slot = slot;
    return OK;
}

void object_unpublish(struct object *object)
{
    if (object->slot == CAP_NONE)
        return;
    enum status status = kernel_destroy(object->slot);

    ASSERT(status == OK);
    slot_give(object->account, object->slot);
    object->slot = CAP_NONE;
}

enum status object_identify(uint32_t slot, enum object_kind kind, struct object **out)
{
    uint64_t id;
    enum status status = kernel_cap_identify(ROOT_SLOT_PD, slot, &id);

    if (status != OK || id % SLAB_ALIGN)
        return ERR_CAP;
    struct object *object = (struct object *)id;

    if (object->kind != kind)
        return ERR_CAP;
    *out = object;
    return OK;
}

static enum status add(struct kmem *kmem, uint64_t frames, bool forced)
{
    while (frames > 0) {
        uint64_t physical, count, most = frames < GIVE_MOST ? frames : GIVE_MOST;
        enum status status = frames_alloc(kmem->account->frames, most, &physical, &count);

        if (status != OK)
            return status;
        status = forced ? account_charge_ram_forced(kmem->account, count * FRAME_SIZE)
                        : account_charge_ram(kmem->account, count * FRAME_SIZE);
        if (status != OK) {
            frames_free(kmem->account->frames, physical, count);
            return status;
        }
        status = kernel_pd_give_frames(kmem->pd_slot, physical, count, ROOT_SLOT_MACHINE);
        ASSERT(status == OK);
        kmem->frames += count;
        frames -= count;
    }
    return OK;
}

enum status kmem_add(struct kmem *kmem, uint64_t frames)
{
    if (frames > quota_left(&kmem->account->ram) / FRAME_SIZE)
        return ERR_NO_RAM;
    return add(kmem, frames, false);
}

enum status kmem_refill(struct kmem *kmem, bool forced)
{
    return add(kmem, REFILL_FRAMES, forced) == OK ? OK : add(kmem, 1, forced);
}

void kmem_reclaim(struct kmem *kmem)
{
    uint64_t taken;

    do {
        enum status status = kernel_pd_take_frames(kmem->pd_slot, MESSAGE_WORDS, &taken);

        ASSERT(status == OK && taken <= kmem->frames);
        for (uint64_t i = 0; i < taken; i++)
            account_return_frame(kmem->account, core_area()->words[i]);
        kmem->frames -= taken;
    } while (taken > 0);
}

enum status kmem_begin(struct kmem *kmem, struct account *account)
{
    *kmem = (struct kmem){.account = account};
    enum status status = slot_take(account, &kmem->pd_slot);

    if (status != OK)
        return status;
    status = WITH_KMEM(&core.kmem, kernel_create_pd(ROOT_SLOT_PD, kmem->pd_slot));
    if (status != OK) {
        slot_give(account, kmem->pd_slot);
        kmem->pd_slot = CAP_NONE;
    }
    return status;
}

/* First the kernel ends everything on the account; what that used is then free, is taken back, and the rest goes. */
enum status kmem_end(struct kmem *kmem)
{
    if (kmem->pd_slot == CAP_NONE)
        return OK;
    for (unsigned n = 0; n < END_STEPS; n++) {
        enum status status = kernel_operation(HYPERCALL_DESTROY, kmem->pd_slot, 0, 0, 0, 0, 0);

        if (status == OK) {
            ASSERT(kmem->frames == 0);
            slot_give(kmem->account, kmem->pd_slot);
            kmem->pd_slot = CAP_NONE;
            return OK;
        }
        ASSERT(status == ERR_BUSY || status == ERR_AGAIN);
        if (status == ERR_BUSY)
            kmem_reclaim(kmem);
    }
    return ERR_AGAIN;
}
