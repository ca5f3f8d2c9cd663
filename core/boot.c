/* SPDX-License-Identifier: MIT */
/*
 * From the kernel's boot information to a working allocator.
 *
 * The window needs page tables before there is an allocator, and the allocator needs the window for its bitmap. So the
 * first frames are cut from the largest free range by hand: a few for the kernel (tables), then the bitmap, which are
 * core's for ever. The rest of all free ranges goes to the allocator, and all of that becomes quota.
 */
#include "contract/log/core_log.h"
#include "core/assert.h"
#include "core/core.h"
#include "core/core_log.h"
#include "core/space.h"
#include "lib/string/string.h"

#define GIVE_MOST 256u

/* Capabilities for all: fewer on a small machine, since each takes core's memory (below). */
#define CAPS_LEAST   2048u
#define CAPS_MOST    16384u
#define CAPS_PER_MIB 16u
#define SLOTS_SPARE  64u /* receive slots and the kernel's */

/* What one capability may cost on core's kernel account: a slot, and a share of an object. */
#define KMEM_PER_CAP (CAP_SLOT_SIZE + 128u)

struct core core;

/* The range that the first frames are cut from. */
static struct boot_memory first;

static void fail(const char *reason)
{
    core_print("%s", reason);
    core_exit(CORE_EXIT_BOOT);
}

static void fail_memory(const char *what, uint64_t wanted)
{
    core_print("not enough memory for %s: %lluK are free, %lluK are needed; give the machine more", what,
               (unsigned long long)(core.ram >> 10), (unsigned long long)(wanted >> 10));
    core_exit(CORE_EXIT_BOOT);
}

const struct boot_module *boot_module(const char *name)
{
    for (uint32_t i = 0; i < core.boot->module_count; i++)
        if (strncmp(core.boot->modules[i].name, name, BOOT_MODULE_NAME) == 0)
            return &core.boot->modules[i];
    return NULL;
}

static bool in_window(const struct boot_memory *memory)
{
    return memory->type == BOOT_MEMORY_FREE || memory->type == BOOT_MEMORY_MODULE;
}

static uint64_t cut(uint64_t bytes)
{
    uint64_t size = (bytes + FRAME_SIZE - 1) & ~(FRAME_SIZE - 1), base = first.base;

    if (size > first.size)
        fail("not enough memory to start");
    first.base += size;
    first.size -= size;
    return base;
}

static void choose_first(void)
{
    for (uint32_t i = 0; i < core.boot->memory_count; i++)
        if (core.boot->memory[i].type == BOOT_MEMORY_FREE && core.boot->memory[i].size > first.size)
            first = core.boot->memory[i];
}

/* At most two tables for the broken ends of a range, one a GiB, and those above. */
static void give_table_frames(void)
{
    uint64_t tables = 4;

    for (uint32_t i = 0; i < core.boot->memory_count; i++)
        if (in_window(&core.boot->memory[i]))
            tables += 4 + core.boot->memory[i].size / (512 * BLOCK_SIZE);
    while (tables > 0) {
        uint64_t count = tables < GIVE_MOST ? tables : GIVE_MOST;
        enum status status =
            kernel_pd_give_frames(ROOT_SLOT_PD, cut(count * FRAME_SIZE), count, ROOT_SLOT_MACHINE);
        if (status != OK)
            fail("the kernel takes no memory");
        tables -= count;
    }
}

/* All but what the kernel got already. Modules are only read. */
static uint64_t map_window(void)
{
    static struct space window = {.kmem = &core.kmem, .slot = ROOT_SLOT_HOST_SPACE};
    uint64_t taken = first.base, start = 0, limit = 0;

    for (uint32_t i = 0; i < core.boot->memory_count; i++) {
        const struct boot_memory *memory = &core.boot->memory[i];
        uint64_t base = memory->base, end = memory->base + memory->size;

        if (!in_window(memory))
            continue;
        if (base < taken && taken <= end)
            base = taken;
        start = CORE_WINDOW + base;
        if (end > limit)
            limit = end;
        enum status status =
            space_change(&window, SPACE_MAP, memory->type == BOOT_MEMORY_FREE ? SPACE_WRITE : 0, start, base,
                         (end - base) / FRAME_SIZE);
        if (status != OK)
            fail("cannot map memory");
    }
    if (space_commit() != OK)
        fail("cannot map memory");
    return limit;
}

static void add_frames(void)
{
    for (uint32_t i = 0; i < core.boot->memory_count; i++) {
        const struct boot_memory *memory = &core.boot->memory[i];
        uint64_t base = memory->base, end = memory->base + memory->size;

        if (memory->type != BOOT_MEMORY_FREE)
            continue;
        if (base < first.base && first.base <= end)
            base = first.base;
        if (base < end)
            frames_free(&core.frames, base, (end - base) / FRAME_SIZE);
    }
    core.ram = core.frames.free_count * FRAME_SIZE;
}

/* Slots and kernel memory for every capability that can ever be handed out. */
static void make_caps(void)
{
    uint64_t caps = (core.ram >> 20) * CAPS_PER_MIB;

    caps = caps < CAPS_LEAST ? CAPS_LEAST : caps > CAPS_MOST ? CAPS_MOST : caps;
    uint32_t slots = (uint32_t)caps + ROOT_SLOT_FREE + SLOTS_SPARE;

    account_init(&core.root, &core.frames, core.ram, caps);
    core.kmem = (struct kmem){.account = &core.root, .pd_slot = ROOT_SLOT_PD};
    if (kmem_add(&core.kmem, caps * KMEM_PER_CAP / FRAME_SIZE) != OK ||
        kernel_cap_space_grow(ROOT_SLOT_CAP_SPACE, slots) != OK)
        fail_memory("capabilities", caps * KMEM_PER_CAP);
    core_slots_init(ROOT_SLOT_FREE + MESSAGE_CAPS, slots);
    core_area()->receive_base = ROOT_SLOT_FREE;
    core_area()->receive_count = MESSAGE_CAPS;
}

static void print_banner(void)
{
    const struct boot_info *boot = core.boot;
    const char *virtualization = boot->features & BOOT_FEATURE_SVM   ? "AMD-V"
                                 : boot->features & BOOT_FEATURE_VMX ? "VT-x"
                                                                     : "no virtualization";

    core_print("Tessera " CORE_VERSION ", %u CPU%s, %llu MiB RAM free, TSC %llu.%03llu MHz, %s", boot->cpus,
               boot->cpus == 1 ? "" : "s", (unsigned long long)(core.ram >> 20),
               (unsigned long long)(boot->tsc_khz / 1000), (unsigned long long)(boot->tsc_khz % 1000),
               virtualization);
}

void boot_core(const struct boot_info *boot)
{
    core.boot = boot;
    if (boot->magic != BOOT_MAGIC || boot->version != BOOT_VERSION)
        fail("the kernel speaks another boot protocol");
    choose_first();
    give_table_frames();

    uint64_t limit = map_window();
    uint64_t metadata = cut(frames_metadata_size(limit));

    frames_init(&core.frames, (void *)(CORE_WINDOW + metadata), limit, (char *)CORE_WINDOW);
    add_frames();
    make_caps();
    if (core_log_init(&core.root) != OK)
        fail_memory("the log", CORE_LOG_SIZE);
    print_banner();
}
