/* SPDX-License-Identifier: MIT */
/*
 * Kernel-memory accounts: frames, slabs and objects.
 *
 * Every allocation is charged to exactly one account and comes from frames that this account owns; nothing is shared
 * between accounts, so one cannot run out because of another.
 */
#include "kernel/mem/memory.h"
#include "kernel/object/pd.h"

/* Unique for the kernel's lifetime: 2^64 objects do not happen. Per-CPU ranges will keep it free of contention. */
static uint64_t last_serial;

void account_give(struct pd *pd, uint64_t physical)
{
    uint64_t *frame = phys_to_virt(physical);

    frame_kind[physical >> FRAME_SHIFT] = FRAME_ACCOUNT_FREE;
    *frame = (uint64_t)pd->free_frames;
    pd->free_frames = frame;
    pd->frames_owned++;
}

/* The frame goes out zeroed: kernel data never reaches user level. */
bool account_take(struct pd *pd, uint64_t *out_physical)
{
    uint64_t *frame = pd->free_frames;

    if (!frame)
        return false;
    pd->free_frames = (uint64_t *)*frame;
    pd->frames_owned--;
    memset(frame, 0, FRAME_SIZE);
    *out_physical = virt_to_phys(frame);
    frame_kind[*out_physical >> FRAME_SHIFT] = FRAME_USER;
    return true;
}

static void *frame_alloc(struct pd *pd, unsigned kind)
{
    uint64_t *frame = pd->free_frames;

    if (!frame)
        return 0;
    pd->free_frames = (uint64_t *)*frame;
    pd->frames_used++;
    memset(frame, 0, FRAME_SIZE);
    frame_kind[virt_to_phys(frame) >> FRAME_SHIFT] = kind;
    return frame;
}

void *account_frame_alloc(struct pd *pd)
{
    return frame_alloc(pd, FRAME_PAGE);
}

void account_frame_free(struct pd *pd, void *frame)
{
    uint64_t *link = frame;

    frame_kind[virt_to_phys(frame) >> FRAME_SHIFT] = FRAME_ACCOUNT_FREE;
    *link = (uint64_t)pd->free_frames;
    pd->free_frames = link;
    pd->frames_used--;
}

static struct object *slab_object(struct slab *slab, unsigned shift, unsigned index)
{
    return (struct object *)((uint8_t *)slab + ((uint64_t)index << shift));
}

static struct slab *slab_of(const struct object *object)
{
    return (struct slab *)((uint64_t)object & ~(uint64_t)(FRAME_SIZE - 1));
}

static void slab_unlink(struct slab **list, struct slab *slab)
{
    if (slab->previous)
        slab->previous->next = slab->next;
    else
        *list = slab->next;
    if (slab->next)
        slab->next->previous = slab->previous;
}

static void slab_push_front(struct slab **list, struct slab *slab)
{
    slab->previous = 0;
    slab->next = *list;
    if (slab->next)
        slab->next->previous = slab;
    *list = slab;
}

static struct slab *slab_create(struct pd *pd, unsigned shift)
{
    struct slab *slab = frame_alloc(pd, shift);
    unsigned count = FRAME_SIZE >> shift;

    if (!slab)
        return 0;
    for (unsigned i = 1; i < count; i++)
        slab_object(slab, shift, i)->next_free = i + 1 < count ? i + 1 : 0;
    slab->first_free = 1;
    slab_push_front(&pd->slabs[shift - FRAME_SLAB_MIN], slab);
    return slab;
}

static unsigned shift_for(uint64_t size)
{
    unsigned shift = FRAME_SLAB_MIN;

    while ((1ull << shift) < size)
        shift++;
    return shift;
}

void *account_object_alloc(struct pd *pd, enum object_type type, uint64_t size)
{
    unsigned shift = shift_for(size), kind = shift - FRAME_SLAB_MIN;
    struct slab *slab = pd->slabs[kind];
    struct object *object;

    if (!slab)
        slab = slab_create(pd, shift);
    if (!slab)
        return 0;
    object = slab_object(slab, shift, slab->first_free);
    slab->first_free = object->next_free;
    slab->used++;
    if (!slab->first_free) {
        slab_unlink(&pd->slabs[kind], slab);
        slab_push_front(&pd->full_slabs[kind], slab);
    }
    memset(object, 0, 1ull << shift);
    object->serial = type == OBJECT_NONE ? 0 : ++last_serial;
    object->account = pd;
    object->type = type;
    object->shift = shift;
    pd->objects_live++;
    return object;
}

void account_object_free(struct object *object)
{
    struct pd *pd = object->account;
    unsigned kind = object->shift - FRAME_SLAB_MIN;
    struct slab *slab = slab_of(object);

    slab_unlink(slab->first_free ? &pd->slabs[kind] : &pd->full_slabs[kind], slab);
    object->serial = 0;
    object->type = OBJECT_NONE;
    object->next_free = slab->first_free;
    slab->first_free = ((uint64_t)object - (uint64_t)slab) >> object->shift;
    slab->used--;
    pd->objects_live--;
    if (slab->used)
        slab_push_front(&pd->slabs[kind], slab);
    else
        account_frame_free(pd, slab);
}

static bool is_space(const struct object *object)
{
    return object->type == OBJECT_CAP_SPACE || object->type == OBJECT_HOST_SPACE ||
           object->type == OBJECT_PORT_SPACE;
}

static struct object *slab_find(struct slab *slab, unsigned shift, bool spaces)
{
    for (unsigned i = 1; i < FRAME_SIZE >> shift; i++) {
        struct object *object = slab_object(slab, shift, i);

        if (object->serial && is_space(object) == spaces)
            return object;
    }
    return 0;
}

static struct object *slabs_find(struct slab *slab, unsigned shift, bool spaces)
{
    struct object *object = 0;

    for (; slab && !object; slab = slab->next)
        object = slab_find(slab, shift, spaces);
    return object;
}

struct object *account_any_object(struct pd *pd)
{
    struct object *object = 0;

    for (unsigned spaces = 0; spaces < 2; spaces++)
        for (unsigned kind = 0; kind < SLAB_KINDS && !object; kind++) {
            object = slabs_find(pd->full_slabs[kind], kind + FRAME_SLAB_MIN, spaces);
            if (!object)
                object = slabs_find(pd->slabs[kind], kind + FRAME_SLAB_MIN, spaces);
        }
    return object;
}
