/* SPDX-License-Identifier: MIT */
/*
 * The first objects: an account for the root task, its spaces, thread and scheduling context, and the one machine
 * capability. From here on every frame, object and mapping is somebody's.
 */
#include "kernel/arch/arch.h"
#include "kernel/mem/memory.h"
#include "kernel/mem/root.h"
#include "kernel/object/cap_space.h"
#include "kernel/object/ec.h"
#include "kernel/object/ipc_objects.h"
#include "kernel/object/pd.h"
#include "kernel/object/space.h"
#include "kernel/sched/sched.h"

/* Frames that the root task's account starts with; the root task gives more as it needs. */
#define ROOT_ACCOUNT_FRAMES 64u
#define ROOT_SLOTS          1024u
#define ROOT_PRIORITY       SC_PRIORITY_MAX
#define ROOT_BUDGET_MS      10u

/* Pays for the root PD alone, which cannot pay for itself. */
static struct pd seed;

static void *must(void *object)
{
    if (!object)
        panic("not enough memory for the root task's kernel objects");
    return object;
}

static struct pd *root_pd_create(void)
{
    struct pd *pd;

    account_give(&seed, virt_to_phys(boot_alloc_account(1)));
    pd = must(pd_create(&seed));
    for (unsigned i = 0; i < ROOT_ACCOUNT_FRAMES; i++)
        account_give(pd, virt_to_phys(boot_alloc_account(1)));
    return pd;
}

static void root_map(struct host_space *space, const struct root_layout *layout)
{
    for (uint32_t i = 0; i < layout->mapping_count; i++) {
        uint32_t done = 0;

        if (host_space_update(space, &layout->mappings[i], &done) != OK)
            panic("cannot map the root task at %lx", layout->mappings[i].virtual);
    }
}

static void root_slot_set(struct cap_space *space, uint64_t index, void *object)
{
    slot_set(cap_space_slot(space, index), object, RIGHT_ALL, 0);
}

static struct ec *root_thread_create(struct pd *pd, const struct root_layout *layout)
{
    struct ec *thread = must(thread_create(pd, layout->message_area, 0, 0));

    thread->regs.rip = layout->entry;
    thread->regs.rsp = ROOT_STACK_TOP;
    thread->regs.rdi = ROOT_BOOT_INFO;
    thread->state = EC_READY;
    return thread;
}

void kernel_main(const struct root_image *image, const struct boot_info *info)
{
    struct root_layout layout;
    struct cap_space *caps;
    struct pd *pd = root_pd_create();

    for (unsigned i = 0; i < cpu_count; i++)
        cpus[i]->accepting = EC_WORD(EC_WAIT, true, i);

    root_layout_build(image, &layout);
    if (cap_space_create(pd, ROOT_SLOTS, &caps) != OK)
        panic("cannot create the root task's capability space");
    struct host_space *host = must(host_space_create(pd));
    struct machine *machine = must(account_object_alloc(pd, OBJECT_MACHINE, sizeof(*machine)));

    root_map(host, &layout);
    struct ec *thread = root_thread_create(pd, &layout);
    struct sc *sc = must(sc_create(pd, thread, ROOT_PRIORITY, info->tsc_khz * ROOT_BUDGET_MS));

    root_slot_set(caps, ROOT_SLOT_PD, pd);
    root_slot_set(caps, ROOT_SLOT_CAP_SPACE, caps);
    root_slot_set(caps, ROOT_SLOT_HOST_SPACE, host);
    root_slot_set(caps, ROOT_SLOT_THREAD, thread);
    root_slot_set(caps, ROOT_SLOT_SC, sc);
    root_slot_set(caps, ROOT_SLOT_MACHINE, machine);
    root_layout_finish(&layout);
    sched_dispatch();
}
