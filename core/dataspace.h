/* SPDX-License-Identifier: MIT */
/*
 * Dataspaces: memory that can be attached to region maps.
 *
 * A dataspace is a list of extents (runs of frames), or a region map that is used as one. Frames of kind RAM are
 * charged to the account that allocated them, wherever they are attached, and are zero when they are handed out.
 * Destruction order: every mapping is replaced by the space's scratch page, which the kernel confirms when no processor
 * has a translation left, and only then the frames go back.
 *
 * Filling and destroying take time that grows with the size, so both are done in parts (ERR_AGAIN), between which core
 * serves others. A dataspace that is being destroyed cannot be attached any more.
 */
#ifndef CORE_DATASPACE_H
#define CORE_DATASPACE_H

#include "core/object.h"

enum dataspace_flag {
    DATASPACE_WRITE = 1u << 0,      /* may be attached for writing */
    DATASPACE_EXECUTE = 1u << 1,    /* may be attached for execution */
    DATASPACE_RAM = 1u << 2,        /* the frames are the dataspace's own */
    DATASPACE_CONTIGUOUS = 1u << 3, /* one extent, 2 MiB-aligned from 2 MiB on */
    DATASPACE_UNCACHED = 1u << 4,
    DATASPACE_WRITE_COMBINING = 1u << 5,
    DATASPACE_MAP = 1u << 6,    /* a region map */
    DATASPACE_DEVICE = 1u << 7, /* registers: core never touches it */
    DATASPACE_GOING = 1u << 8,  /* is being destroyed */
};

struct extent {
    struct extent *next;
    uint64_t physical;
    uint64_t pages;
};

struct attachment;
struct region_map;

struct dataspace {
    struct object object;
    unsigned flags;
    uint64_t size; /* bytes, whole pages */
    struct extent *extents;
    struct extent *last_opt;                 /* of the list */
    uint64_t missing;                        /* pages that have no frame yet */
    struct extent *dirty;                    /* from here on ... */
    uint64_t dirty_page;                     /* ... and this page of it nothing is zeroed */
    struct attachment *uses;                 /* where it is attached */
    struct dataspace *next, **previous_next; /* its owner's list, may be NULL */
};

/* Makes an empty RAM dataspace; `size` is rounded up to pages. ERR_RANGE: 0 or absurd. Notes and RAM are charged. */
[[nodiscard]] enum status dataspace_begin(struct account *account, uint64_t size, unsigned flags,
                                          struct dataspace **out);

/* Gives it frames and zeroes them. ERR_AGAIN: not yet all; ERR_NO_RAM: to be destroyed. */
[[nodiscard]] enum status dataspace_fill(struct dataspace *dataspace);

/* Both, whole: for small ones. */
[[nodiscard]] enum status dataspace_create(struct account *account, uint64_t size, unsigned flags,
                                           struct dataspace **out);

/* Makes a dataspace of frames that it does not own: ROM modules, I/O memory. */
[[nodiscard]] enum status dataspace_create_foreign(struct account *account, uint64_t physical, uint64_t size,
                                                   unsigned flags, struct dataspace **out);

/* Takes it out of every region map (scratch pages stay behind), then returns its frames. ERR_AGAIN: not yet all. */
[[nodiscard]] enum status dataspace_retire(struct dataspace *dataspace);

/* Returns notes and RAM of a retired one, or retires it whole. Not for region maps. */
void dataspace_destroy(struct dataspace *dataspace);

/* The frame that holds the byte at `offset`; ERR_RANGE outside, or if it is a region map. */
[[nodiscard]] enum status dataspace_physical(const struct dataspace *dataspace, uint64_t offset,
                                             uint64_t *physical);

/* The same, and how many bytes of [offset, offset + most) are in one piece. */
[[nodiscard]] enum status dataspace_run(const struct dataspace *dataspace, uint64_t offset, uint64_t most,
                                        uint64_t *physical, uint64_t *size);

void dataspace_link(struct dataspace *dataspace, struct dataspace **head);
void dataspace_unlink(struct dataspace *dataspace);

#endif
