/* SPDX-License-Identifier: MIT */
/*
 * Protection domain: a kernel-memory account and the spaces in which its threads run.
 *
 * The account is a set of frames that the root task gave. Objects are allocated from slabs of 2^6..2^11 bytes, page
 * tables and slot frames as whole frames. A slab frame that becomes empty goes back to the free frames at once, so
 * `frames_used` is exact: destroying everything brings it back to 0, and pd_take_frames() can return every frame.
 */
#ifndef KERNEL_OBJECT_PD_H
#define KERNEL_OBJECT_PD_H

#include "kernel/object/object.h"

struct cap_space;
struct host_space;
struct port_space;

/* First 2^kind (at least 64) bytes of a slab frame. */
struct slab {
    struct slab *next;
    struct slab *previous;
    uint16_t used;
    uint16_t first_free; /* index of an object, 0 if none: index 0 is this header */
};

#define SLAB_KINDS (FRAME_SLAB_MAX - FRAME_SLAB_MIN + 1)

struct pd {
    struct object object;
    struct cap_space *cap_space; /* NULL until created; charged to this account */
    struct host_space *host_space;
    struct port_space *port_space;
    uint64_t *free_frames; /* linked through the frames */
    uint64_t frames_owned;
    uint64_t frames_used;
    uint64_t objects_live;
    uint64_t threads_live;
    struct slab *slabs[SLAB_KINDS]; /* with room: the first one serves */
    struct slab *full_slabs[SLAB_KINDS];
};

/* The account of `pd` gets the frame at `physical` (page-aligned RAM of kind FRAME_USER, mapped nowhere). */
void account_give(struct pd *pd, uint64_t physical);

/* Takes an unused frame out of the account. False: none. */
bool account_take(struct pd *pd, uint64_t *out_physical);

/* A zeroed frame of kind FRAME_PAGE; NULL when the account is empty. */
void *account_frame_alloc(struct pd *pd);
void account_frame_free(struct pd *pd, void *frame);

/* A zeroed object of at least `size` bytes with header, serial and account set; NULL when the account is empty. */
void *account_object_alloc(struct pd *pd, enum object_type type, uint64_t size);
/* Ends the object's identity and frees its memory. */
void account_object_free(struct object *object);

/* Some live object of the account that is neither PD nor space, or a space when nothing else is left; NULL if empty. */
struct object *account_any_object(struct pd *pd);

/* A PD on the account of `payer`; NULL when that is empty. */
struct pd *pd_create(struct pd *payer);
[[nodiscard]] enum status pd_destroy(struct pd *pd);

#endif
