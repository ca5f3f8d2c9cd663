/* SPDX-License-Identifier: MIT */
/*
 * Kernel objects and references to them.
 *
 * Every object lives in a slab frame of the account (protection domain) that pays for it and starts with this header.
 * `serial` is unique for the kernel's lifetime; destroying an object sets it to 0. A reference (in a capability slot or
 * inside another object) is the pair of address and serial and pins nothing: object_valid() finds out whether the
 * frame still holds objects of a size for which the address is a start, and whether the serial still matches.
 * So a stale reference is harmless even after the frame went back to user level and came in again for another use.
 */
#ifndef KERNEL_OBJECT_OBJECT_H
#define KERNEL_OBJECT_OBJECT_H

#include "abi/capability.h"
#include "abi/status.h"
#include "kernel/mem/frame.h"

struct pd;

struct object {
    uint64_t serial;    /* 0: free */
    struct pd *account; /* who pays */
    uint8_t type;       /* enum object_type */
    uint8_t shift;      /* size is 2^shift */
    uint16_t next_free; /* free list inside the slab frame */
    uint32_t reserved;
};

struct reference {
    struct object *object_opt;
    uint64_t serial;
};

/* The functions below are on the path of every call; out of line they would cost twice what they do. */
#define OBJECT_FAST static inline __attribute__((always_inline))

OBJECT_FAST bool object_valid(const struct object *object, uint64_t serial)
{
    unsigned kind = frame_kind[virt_to_frame(object)];

    return kind >= FRAME_SLAB_MIN && !((uint64_t)object & ((1ull << kind) - 1)) && object->serial == serial;
}

static inline struct reference reference_to(struct object *object)
{
    return (struct reference){object, object->serial};
}

/* The object, or NULL if there is none or it was destroyed. */
OBJECT_FAST struct object *reference_get(const struct reference *reference)
{
    struct object *object = reference->object_opt;

    return object && object_valid(object, reference->serial) ? object : 0;
}

/*
 * The same for a reference that was made to an object of 2^kind bytes, or, for the smallest kind, to any object: its
 * alignment is certain then. No object lies in frame 0, which is where NULL leads.
 */
OBJECT_FAST struct object *reference_get_kind(const struct reference *reference, unsigned kind)
{
    struct object *object = reference->object_opt;

    if (frame_kind[virt_to_frame(object)] != kind || object->serial != reference->serial)
        return 0;
    return object;
}

/* Destroys an object of any type: OK, ERR_AGAIN (a bounded part is done, repeat), ERR_BUSY (see each type). */
[[nodiscard]] enum status object_destroy(struct object *object);

#endif
