/* SPDX-License-Identifier: MIT */
/*
 * Core's capability slots, the portals of its objects, and kernel memory.
 *
 * Every slot is charged as one capability to the account on whose behalf it is used. Kernel memory of a client is a
 * number of frames of its RAM quota that core lent to the kernel; WITH_KMEM repeats an operation with more of them for
 * as long as the kernel runs out and the quota allows.
 */
#ifndef CORE_KERNEL_OBJECTS_H
#define CORE_KERNEL_OBJECTS_H

#include "core/object.h"
#include "lib/base/kernel.h"

struct kmem {
    struct account *account;
    uint32_t pd_slot; /* the kernel's account */
    uint64_t frames;
};

/* Slots below `first` are not for slots_take. */
void core_slots_init(uint32_t first, uint32_t limit);

[[nodiscard]] enum status slot_take(struct account *account, uint32_t *slot);
/* Empties the slot and returns it. CAP_NONE is no slot. */
void slot_give(struct account *account, uint32_t slot);
/* Copies a lent capability into a slot of its own. */
[[nodiscard]] enum status slot_keep(struct account *account, uint32_t lent, uint32_t rights, uint32_t *slot);

/* Replaces the capability in *kept (CAP_NONE: there is none) by a copy of a lent one. */
[[nodiscard]] enum status slot_replace(struct account *account, uint32_t lent, uint32_t rights,
                                       uint32_t *kept);

/* Creates the object's portal; `tag` is 0 or OBJECT_ID_EVENT. */
[[nodiscard]] enum status object_publish(struct object *object, unsigned tag);
void object_unpublish(struct object *object);

/* The object behind a received capability, if it is one of core's and of that kind. */
[[nodiscard]] enum status object_identify(uint32_t slot, enum object_kind kind, struct object **out);

/* What a client receives: it may call, and nothing else. */
static inline struct message_cap object_cap(const struct object *object)
{
    return (struct message_cap){.slot = object->slot, .rights = RIGHT_PORTAL_CALL};
}

[[nodiscard]] enum status kmem_add(struct kmem *kmem, uint64_t frames);
/* A few frames more; `forced` may make a debt. */
[[nodiscard]] enum status kmem_refill(struct kmem *kmem, bool forced);
/* Takes all unused frames back. */
void kmem_reclaim(struct kmem *kmem);

/* A kernel account of its own, empty; later its end, with all objects on it. ERR_AGAIN: not yet all. */
[[nodiscard]] enum status kmem_begin(struct kmem *kmem, struct account *account);
[[nodiscard]] enum status kmem_end(struct kmem *kmem);

#define WITH_KMEM(kmem, operation)                                                          \
    ({                                                                                      \
        enum status with_kmem;                                                              \
        do                                                                                  \
            with_kmem = (operation);                                                        \
        while (with_kmem == ERR_NO_KMEM && (with_kmem = kmem_refill((kmem), false)) == OK); \
        with_kmem;                                                                          \
    })

#endif
