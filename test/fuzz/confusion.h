/* SPDX-License-Identifier: MIT */
/*
 * Wrong capabilities in every place: each argument of each operation that takes a capability, against every object type,
 * every set of rights that matters, stale, empty and impossible slots. The model is the table in confusion.c: which types
 * an argument takes and which rights it needs. Host test and fuzzer run the same table.
 */
#ifndef TEST_FUZZ_CONFUSION_H
#define TEST_FUZZ_CONFUSION_H

#include "abi/capability.h"
#include "abi/hypercall.h"
#include "abi/status.h"

#include <stdbool.h>
#include <stdint.h>

struct confusion {
    uint32_t
        object[OBJECT_TYPE_COUNT]; /* one of each type, all rights; CAP_NONE: none, its rows are left out */
    uint32_t rights[OBJECT_TYPE_COUNT]; /* of these; 0: all */
    uint32_t stale[OBJECT_TYPE_COUNT];  /* slots whose object of the type is gone; CAP_NONE: none */
    uint32_t scratch, free;             /* two empty slots, and one that stays so */
    uint32_t empty;
    uint32_t slots; /* size of the space */
    enum status (*invoke)(void *context, uint64_t number, const uint64_t argument[6]);
    void (*wrong)(void *context, const char *row, unsigned type, uint32_t rights, enum status got,
                  const char *expected);
    void *context;
    uint64_t tried;
};

void confusion_run(struct confusion *confusion);

#endif
