/* SPDX-License-Identifier: MIT */
/*
 * The heap of this component: grows by dataspaces on its RAM quota, and returns those that have become empty.
 * Any thread. Blocks are zeroed and aligned to 16 bytes.
 */
#ifndef LIB_BASE_HEAP_H
#define LIB_BASE_HEAP_H

#include <stddef.h>

/* NULL: the quota is used up (ERR_NO_RAM for the caller's caller). Size 0 is a valid block. */
[[nodiscard]] void *heap_alloc(size_t size);

/* `count` elements; NULL also if the product does not fit. */
[[nodiscard]] void *heap_alloc_array(size_t count, size_t size);

/* Keeps the content up to the smaller size; on NULL the old block stays. What is new is not zeroed. */
[[nodiscard]] void *heap_resize(void *block_opt, size_t size);

void heap_free(void *block_opt);

#endif
