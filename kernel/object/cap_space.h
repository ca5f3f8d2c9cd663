/* SPDX-License-Identifier: MIT */
/*
 * Capability space: the slots of a protection domain.
 *
 * One directory frame points to slot frames of 128 slots; both are charged to the PD. The number of slots is the
 * component's capability quota and only grows. A slot holds a reference, rights and a badge; it pins nothing.
 *
 * Slots are written with the kernel lock. Calls and signals read them without: while a slot is being written its sequence is
 * odd and its rights are none, afterwards the sequence is another one. Who finds rights, and the sequence unchanged after
 * reading, has read what belongs together.
 */
#ifndef KERNEL_OBJECT_CAP_SPACE_H
#define KERNEL_OBJECT_CAP_SPACE_H

#include "kernel/object/object.h"

struct slot {
    struct reference target;
    uint64_t badge;
    uint32_t rights;
    uint32_t sequence;
};

_Static_assert(sizeof(struct slot) == CAP_SLOT_SIZE, "ABI");

struct cap_space {
    struct object object;
    struct pd *pd;
    uint64_t slots;
    struct slot **directory;
};

static inline struct slot *cap_space_slot(const struct cap_space *space, uint64_t index)
{
    if (index >= space->slots || index == CAP_NONE)
        return 0;
    return &space->directory[index / CAP_SLOTS_PER_FRAME][index % CAP_SLOTS_PER_FRAME];
}

/* The same for looking, in two parts, since a test of the pointer would be one more: is there such a slot, and then which.
   Slot CAP_NONE is there, and is always empty. */
OBJECT_FAST bool cap_space_has(const struct cap_space *space, uint64_t index)
{
    return index < space->slots;
}

OBJECT_FAST const struct slot *cap_space_look(const struct cap_space *space, uint64_t index)
{
    return &space->directory[index / CAP_SLOTS_PER_FRAME][index % CAP_SLOTS_PER_FRAME];
}

/* Creates the PD's space. ERR_EXISTS, ERR_RANGE, ERR_NO_KMEM. */
[[nodiscard]] enum status cap_space_create(struct pd *pd, uint64_t slots, struct cap_space **out);
/* Raises the number of slots; OK if it is that large already. ERR_RANGE, ERR_NO_KMEM (nothing changed). */
[[nodiscard]] enum status cap_space_grow(struct cap_space *space, uint64_t slots);
void cap_space_destroy(struct cap_space *space);

/*
 * With the kernel lock: the live object behind a slot, if it has the type and all the rights. ERR_CAP: empty, stale, other type;
 * ERR_DENIED: rights missing.
 */
[[nodiscard]] enum status cap_lookup(const struct cap_space *space, uint64_t index, enum object_type type,
                                     uint32_t rights, void *out_object);

/* Rights and sequence by one look: the first read and, to compare, the last one of somebody without the lock. */
typedef uint64_t __attribute__((may_alias)) slot_word;

OBJECT_FAST uint64_t slot_version(const struct slot *slot)
{
    return __atomic_load_n((const slot_word *)&slot->rights, __ATOMIC_ACQUIRE);
}

static inline void slot_version_write(struct slot *slot, uint64_t version)
{
    __atomic_store_n((slot_word *)&slot->rights, version, __ATOMIC_RELEASE);
}

OBJECT_FAST bool slot_unchanged(const struct slot *slot, uint64_t version)
{
    __atomic_signal_fence(__ATOMIC_ACQ_REL); /* x86 does not reorder reads, but the compiler would */
    return slot_version(slot) == version;
}

/* A consistent copy. */
OBJECT_FAST struct slot slot_read(const struct slot *slot)
{
    struct slot copy;
    uint64_t version;

    do {
        version = slot_version(slot);
        copy = (struct slot){.target = {__atomic_load_n(&slot->target.object_opt, __ATOMIC_RELAXED),
                                        __atomic_load_n(&slot->target.serial, __ATOMIC_RELAXED)},
                             .badge = __atomic_load_n(&slot->badge, __ATOMIC_RELAXED),
                             .rights = (uint32_t)version,
                             .sequence = (uint32_t)(version >> 32)};
    } while (copy.sequence & 1 || !slot_unchanged(slot, version));
    return copy;
}

/* With the kernel lock. */
OBJECT_FAST void slot_write(struct slot *slot, struct reference target, uint32_t rights, uint64_t badge)
{
    uint32_t sequence = slot->sequence;

    slot_version_write(slot, (uint64_t)(sequence + 1) << 32); /* without rights */
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&slot->target.object_opt, target.object_opt, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->target.serial, target.serial, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->badge, badge, __ATOMIC_RELAXED);
    slot_version_write(slot, rights | (uint64_t)(sequence + 2) << 32);
}

static inline void slot_clear(struct slot *slot)
{
    slot_write(slot, (struct reference){0, 0}, 0, 0);
}

/* Is there a live object behind this slot? */
static inline bool slot_live(const struct slot *slot)
{
    return slot->target.object_opt && object_valid(slot->target.object_opt, slot->target.serial);
}

/* Free destination slot for a new capability: ERR_RANGE if there is no such slot, ERR_EXISTS if it is occupied by a live object. */
[[nodiscard]] OBJECT_FAST enum status cap_slot_for_new(const struct cap_space *space, uint64_t index,
                                                       struct slot **out)
{
    struct slot *slot = cap_space_slot(space, index);

    if (!slot)
        return ERR_RANGE;
    if (slot_live(slot))
        return ERR_EXISTS;
    *out = slot;
    return OK;
}

/* What a signal through this slot ORs into the notification's word. */
static inline uint64_t slot_signal_bits(const struct slot *slot)
{
    return slot->badge ? slot->badge : 1;
}

static inline void slot_set(struct slot *slot, struct object *object, uint32_t rights, uint64_t badge)
{
    slot_write(slot, reference_to(object), rights, badge);
}

#endif
