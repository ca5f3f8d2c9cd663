/* SPDX-License-Identifier: MIT */
/*
 * The heap of lib/base for host tests.
 */
#ifndef INIT_TEST_HOST_H
#define INIT_TEST_HOST_H

#include "lib/base/heap.h"

#include <stdlib.h>

/* Counts down at each allocation and makes the one fail that reaches 0; negative: never. */
static long host_heap_fail_at = -1;

void *heap_alloc(size_t size)
{
    if (host_heap_fail_at > 0 && --host_heap_fail_at == 0)
        return NULL;
    return calloc(1, size ? size : 1);
}

void *heap_alloc_array(size_t count, size_t size)
{
    return heap_alloc(count * size);
}

void heap_free(void *block_opt)
{
    free(block_opt);
}

#endif
