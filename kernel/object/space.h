/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: host (virtual addresses of threads), guest (guest-physical addresses of virtual CPUs), ports. Those of
 * devices are in kernel/iommu.
 *
 * Host and guest spaces are page tables whose frames are charged to the account that owns the space. Only who holds
 * SPACE_UPDATE (the root task) changes them.
 */
#ifndef KERNEL_OBJECT_SPACE_H
#define KERNEL_OBJECT_SPACE_H

#include "abi/hypercall.h"
#include "kernel/mem/page_table.h"
#include "kernel/object/object.h"

struct host_space {
    struct object object;
    struct pd *pd; /* NULL when only the account pays (guest spaces) */
    struct page_table table;
};

struct guest_space {
    struct object object;
    struct page_table table;
    uint64_t
        flush_generation; /* raised by every change that removes or narrows a mapping; virtual CPUs compare */
};

#define GUEST_SPACE_KIND 6u
_Static_assert(sizeof(struct guest_space) <= 1u << GUEST_SPACE_KIND && GUEST_SPACE_KIND == FRAME_SLAB_MIN,
               "slab kind");

#define PORT_COUNT 65536u

/* One bit a port, 0 = allowed, as in the TSS (SDM vol. 1, 19.5.2). Two frames of the account. */
struct port_space {
    struct object object;
    struct pd *pd;
    uint8_t *bitmap[2];
    uint64_t generation; /* raised by every change */
};

/* kernel/mem/space.c. The create functions return NULL when the account is empty. */
struct host_space *host_space_create(struct pd *pd);
struct guest_space *guest_space_create(struct pd *account);
struct port_space *port_space_create(struct pd *pd);

/* Checks an entry and applies of it what one call may do at most; `flush` is what must be forgotten. For all spaces. */
[[nodiscard]] enum status space_update(struct page_table *table, const struct space_entry *entry,
                                       uint32_t *done, struct page_table_flush *flush);

/* Applies one entry; *done counts pages of the entry's size. ERR_INVALID, ERR_RANGE, ERR_DENIED (a kernel frame),
   ERR_EXISTS, ERR_NO_KMEM, ERR_UNSUPPORTED; ERR_AGAIN after a bounded part: *done pages are done. */
[[nodiscard]] enum status host_space_update(struct host_space *space, const struct space_entry *entry,
                                            uint32_t *done);
[[nodiscard]] enum status guest_space_update(struct guest_space *space, const struct space_entry *entry,
                                             uint32_t *done);
[[nodiscard]] enum status port_space_update(struct port_space *space, uint64_t first, uint64_t count,
                                            bool allow);

/* Frees tables, a bounded part at a time; true when nothing is left and the object itself may be freed. */
bool host_space_release(struct host_space *space);
bool guest_space_release(struct guest_space *space);
void port_space_release(struct port_space *space);

#endif
