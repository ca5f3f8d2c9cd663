/* SPDX-License-Identifier: MIT */
/*
 * Memory of this component: dataspaces on its own quota, and what is attached to its address space. Sizes are rounded up
 * to pages. An automatically placed attachment lies between unmapped pages.
 */
#ifndef LIB_BASE_MEMORY_H
#define LIB_BASE_MEMORY_H

#include "contract/pd/wire.h"
#include "lib/base/status.h"

#include <stddef.h>
#include <stdint.h>

#define PAGE_SIZE 4096ull

static inline uint64_t page_round_up(uint64_t size)
{
    return (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

/* `flags`: enum pd_dataspace_flag. */
[[nodiscard]] enum status dataspace_alloc(uint64_t size, unsigned flags, uint32_t *dataspace);

/* Frees the memory and the slot; detach first. */
void dataspace_free(uint32_t dataspace);
/* From now on it can be attached for reading only, by whomever; attachments that exist keep their rights. So a server
   can hand out memory that it alone writes. */
[[nodiscard]] enum status dataspace_seal(uint32_t dataspace);
[[nodiscard]] enum status dataspace_size(uint32_t dataspace, uint64_t *size);

/* The whole dataspace somewhere. `rights`: enum pd_rights. */
[[nodiscard]] enum status memory_attach(uint32_t dataspace, unsigned rights, void **address);

/* A part of it, at `address` or PD_ANYWHERE; size 0 is up to its end. */
[[nodiscard]] enum status memory_attach_at(uint32_t dataspace, uint64_t offset, uint64_t size,
                                           uint64_t address, unsigned rights, void **out);
void memory_detach(void *address);

/* A fresh dataspace, attached for reading and writing. */
struct memory {
    uint32_t dataspace;
    void *address;
    uint64_t size;
};

[[nodiscard]] enum status memory_alloc(uint64_t size, struct memory *out);
void memory_free(struct memory *memory);

#endif
