/* SPDX-License-Identifier: MIT */
/*
 * Slot numbers: each word of the bitmap is changed by one compare-and-swap, so there is no lock to wait for.
 */
#include "lib/base/slots.h"

#include "lib/string/string.h"

static uint64_t mask_of(unsigned count, unsigned shift)
{
    return (count == 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1) << shift;
}

void slots_init(struct slots *slots, uint32_t first, uint32_t limit)
{
    memset(slots->used, 0, sizeof(slots->used));
    for (uint32_t i = 0; i < first && i < SLOTS_MAX; i++)
        slots->used[i / 64] |= (uint64_t)1 << i % 64;
    slots->limit = limit < SLOTS_MAX ? limit : SLOTS_MAX;
    slots->hint = 0;
}

void slots_raise_limit(struct slots *slots, uint32_t limit)
{
    uint32_t old = __atomic_load_n(&slots->limit, __ATOMIC_RELAXED);

    if (limit > SLOTS_MAX)
        limit = SLOTS_MAX;
    while (old < limit &&
           !__atomic_compare_exchange_n(&slots->limit, &old, limit, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

/* Takes `count` adjacent bits of a word below `limit` (its first number that does not exist). */
static bool take_in_word(uint64_t *word, unsigned count, unsigned limit, unsigned *shift)
{
    uint64_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

    for (unsigned s = 0; s + count <= limit; s++) {
        while (!(old & mask_of(count, s))) {
            if (__atomic_compare_exchange_n(word, &old, old | mask_of(count, s), true, __ATOMIC_ACQUIRE,
                                            __ATOMIC_RELAXED)) {
                *shift = s;
                return true;
            }
        }
    }
    return false;
}

enum status slots_take(struct slots *slots, unsigned count, uint32_t *first)
{
    uint32_t limit = __atomic_load_n(&slots->limit, __ATOMIC_RELAXED);
    uint32_t words = (limit + 63) / 64;
    uint32_t start = __atomic_load_n(&slots->hint, __ATOMIC_RELAXED);
    unsigned shift;

    if (count == 0 || count > 64)
        return ERR_INVALID;
    for (uint32_t i = 0; i < words; i++) {
        uint32_t w = (start + i) % words;
        unsigned bits = limit - w * 64 < 64 ? limit - w * 64 : 64;

        if (!take_in_word(&slots->used[w], count, bits, &shift))
            continue;
        __atomic_store_n(&slots->hint, w, __ATOMIC_RELAXED);
        *first = w * 64 + shift;
        return OK;
    }
    return ERR_NO_CAPS;
}

bool slots_give(struct slots *slots, uint32_t first, unsigned count)
{
    if (count == 0 || first >= SLOTS_MAX || first % 64 + count > 64)
        return false;
    uint64_t mask = mask_of(count, first % 64);
    uint64_t *word = &slots->used[first / 64];

    if ((__atomic_load_n(word, __ATOMIC_RELAXED) & mask) != mask)
        return false;
    __atomic_fetch_and(word, ~mask, __ATOMIC_RELEASE);
    return true;
}
