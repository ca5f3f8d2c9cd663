/* SPDX-License-Identifier: MIT */
/*
 * Boot allocations come from both ends of one free range below 4 GiB: the kernel's from its bottom upwards, the root
 * task's from its top downwards. So each of them is one range in the list that the root task reads.
 */
#include "kernel/mem/memory.h"

#include "kernel/arch/arch.h"

#define LIMIT_4G 0x100000000ull

struct boot_info boot_info;
uint8_t *frame_kind;
uint64_t frame_count;

/* Used by the boot processor only, before there is another one. */
static struct memory_map boot_map;
static uint64_t low_start, low_next; /* kernel: [low_start, low_next) is taken */
static uint64_t high_next, high_end; /* root: [high_next, high_end) is taken */

void boot_memory_init(const struct memory_map *map)
{
    const struct boot_memory *largest = memory_map_largest(map, BOOT_MEMORY_FREE, LIMIT_4G);

    if (!largest)
        panic("not enough memory: the boot loader lists no free memory below 4 GiB");
    boot_map = *map;
    low_start = low_next = largest->base;
    high_next = high_end = largest->base + largest->size;
}

static void frame_kind_fill(uint64_t physical, uint64_t pages, uint8_t kind)
{
    uint64_t frame = physical / FRAME_SIZE;

    for (uint64_t i = 0; i < pages && frame + i < frame_count; i++)
        frame_kind[frame + i] = kind;
}

static void *boot_alloc_kind(uint64_t pages, bool high, uint8_t kind)
{
    uint64_t size = pages * FRAME_SIZE, physical;

    if (high_next - low_next < size)
        panic("not enough memory: %lu KiB wanted for %s, %lu KiB left", size / 1024,
              high ? "the root task" : "the kernel", (high_next - low_next) / 1024);
    if (high) {
        high_next -= size;
        physical = high_next;
    } else {
        physical = low_next;
        low_next += size;
    }
    if (frame_kind)
        frame_kind_fill(physical, pages, kind);
    return memset(phys_to_virt(physical), 0, size);
}

void *boot_alloc(uint64_t pages, enum boot_memory_type type)
{
    bool root = type == BOOT_MEMORY_ROOT;

    return boot_alloc_kind(pages, root, root ? FRAME_USER : FRAME_KERNEL);
}

void *boot_alloc_account(uint64_t pages)
{
    return boot_alloc_kind(pages, false, FRAME_USER);
}

void boot_frames_init(void)
{
    uint64_t top = 0;

    for (uint32_t i = 0; i < boot_map.count; i++) {
        const struct boot_memory *range = &boot_map.range[i];

        if (range->type != BOOT_MEMORY_RESERVED && range->base + range->size > top)
            top = range->base + range->size;
    }
    uint8_t *table = boot_alloc((top / FRAME_SIZE + FRAME_SIZE - 1) / FRAME_SIZE, BOOT_MEMORY_KERNEL);

    frame_count = top / FRAME_SIZE;
    frame_kind = table;
    for (uint32_t i = 0; i < boot_map.count; i++) {
        const struct boot_memory *range = &boot_map.range[i];

        if (range->type == BOOT_MEMORY_KERNEL)
            frame_kind_fill(range->base, range->size / FRAME_SIZE, FRAME_KERNEL);
    }
    frame_kind_fill(low_start, (low_next - low_start) / FRAME_SIZE, FRAME_KERNEL);
}

void boot_info_write(struct boot_info *out)
{
    if (!memory_map_set(&boot_map, low_start, low_next - low_start, BOOT_MEMORY_KERNEL) ||
        !memory_map_set(&boot_map, high_next, high_end - high_next, BOOT_MEMORY_ROOT))
        panic("more than %u memory ranges", BOOT_MEMORY_MAX);
    boot_info.memory_count = boot_map.count;
    memcpy(boot_info.memory, boot_map.range, sizeof(boot_info.memory));
    *out = boot_info;
}

/* The string instructions are the fastest that need no vector registers, eight bytes at a time. */
void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    void *result = to;
    size_t words = size / 8;

    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    size %= 8;
    if (size)
        asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return result;
}

void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *target = to;
    const uint8_t *source = from;

    if (target <= source || target >= source + size)
        return memcpy(to, from, size);
    while (size--)
        target[size] = source[size];
    return to;
}

void *memset(void *to, int byte, size_t size)
{
    void *result = to;
    size_t words = size / 8;

    asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"((uint8_t)byte * 0x0101010101010101ull) : "memory");
    size %= 8;
    if (size)
        asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return result;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a, *y = b;

    for (size_t i = 0; i < size; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}
