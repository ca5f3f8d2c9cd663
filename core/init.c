/* SPDX-License-Identifier: MIT */
/*
 * Starting init: core builds it as init builds its own children (start protocol of lib/base/env.h), but without calls.
 */
#include "contract/pd/wire.h"
#include "core/core.h"
#include "core/parent.h"
#include "core/pd.h"
#include "lib/base/env.h"
#include "lib/base/thread.h"
#include "lib/child/elf.h"
#include "lib/fmt/status_text.h"
#include "lib/string/string.h"

#define STACK_SIZE    0x10000u
#define INIT_PRIORITY 100u

_Static_assert(CORE_RESERVE_RAM >= 2 * ACCOUNT_DEBTS_MOST, "debts are paid from the reserve");

static struct pd *init_pd;

bool init_is(const struct pd *pd)
{
    return pd == init_pd;
}

/* A dataspace of init's own, and where core writes to it: small enough to be in one piece. */
static enum status make_memory(uint64_t size, struct attach *attach, uint64_t *address, char **memory)
{
    struct dataspace *dataspace;
    uint64_t physical;
    enum status status =
        dataspace_create(&init_pd->session.account, size,
                         DATASPACE_WRITE | DATASPACE_EXECUTE | DATASPACE_CONTIGUOUS, &dataspace);
    if (status != OK)
        return status;
    dataspace_link(dataspace, &init_pd->dataspaces);
    status = object_publish(&dataspace->object, 0);
    attach->dataspace = dataspace;
    if (status == OK)
        status = region_map_attach(&init_pd->map, attach, address);
    if (status == OK)
        status = dataspace_physical(dataspace, 0, &physical);
    if (status == OK)
        *memory = frames_pointer(&core.frames, physical);
    return status;
}

static enum status load_segment(const char *file, const struct elf_segment *segment)
{
    uint64_t start = segment->address & ~(FRAME_SIZE - 1), address;
    struct attach attach = {
        .address = start,
        .fixed = true,
        .rights = (segment->write ? ATTACH_WRITE : 0u) | (segment->execute ? ATTACH_EXECUTE : 0u),
    };
    char *memory;
    enum status status =
        make_memory(segment->address - start + segment->memory_size, &attach, &address, &memory);

    if (status == OK)
        memcpy(memory + (segment->address - start), file + segment->file_offset, segment->file_size);
    return status;
}

static enum status load(const struct boot_module *module, uint64_t *entry)
{
    const char *file = frames_pointer(&core.frames, module->physical);
    struct elf_image image;
    enum status status = elf_parse(file, module->size, &image);

    for (unsigned i = 0; status == OK && i < image.segment_count; i++)
        status = load_segment(file, &image.segments[i]);
    if (status == OK)
        *entry = image.entry;
    return status;
}

static enum status make_environment(const struct core_thread *thread, uint64_t stack, uint64_t *address)
{
    struct attach attach = {.rights = 0};
    char *memory;
    enum status status = make_memory(FRAME_SIZE, &attach, address, &memory);

    if (status != OK)
        return status;
    struct env_page *page = (struct env_page *)memory;

    *page = (struct env_page){
        .magic = ENV_PAGE_MAGIC,
        .version = ENV_PAGE_VERSION,
        .slots = init_pd->slots,
        .tsc_khz = core.boot->tsc_khz,
        .features = core.boot->features,
        .message_area = thread->area_address,
        .stack = stack,
        .stack_size = STACK_SIZE,
        .cpus = init_pd->time.cpus,
        .name = "init",
    };
    return OK;
}

static enum status start_thread(uint64_t entry)
{
    struct pd_thread_create options = {
        .name = "main", .priority = INIT_PRIORITY, .own_slot = ENV_SLOT_THREAD};
    struct attach attach = {.rights = ATTACH_WRITE};
    struct pd_thread_start start = {.ip = entry};
    struct core_thread *thread;
    uint64_t stack;
    char *memory;
    enum status status = pd_thread_create(init_pd, &options, &thread);

    if (status == OK)
        status = make_memory(STACK_SIZE, &attach, &stack, &memory);
    if (status == OK)
        status = make_environment(thread, stack, &start.argument);
    if (status != OK)
        return status;
    start.id = thread->id;
    start.sp = start.tls = stack + STACK_SIZE - THREAD_CONTROL_SIZE;
    return pd_thread_start(thread, &start);
}

static enum status make_domain(void)
{
    uint64_t ram = quota_left(&core.root.ram), caps = quota_left(&core.root.caps);
    struct session *session;
    uint32_t portal;

    if (ram <= CORE_RESERVE_RAM || caps <= CORE_RESERVE_CAPS)
        return ERR_NO_RAM;
    enum status status = session_create(&pd_service, &core.root, ram - CORE_RESERVE_RAM,
                                        caps - CORE_RESERVE_CAPS, "init", "name=\"init\"", &session);
    if (status != OK)
        return status;
    init_pd = (struct pd *)session;
    status = parent_create(init_pd, &portal);
    if (status == OK)
        status = kernel_cap_copy(init_pd->cap_space, ENV_SLOT_PARENT, portal, RIGHT_PORTAL_CALL, 0);
    return status;
}

void init_start(void)
{
    const struct boot_module *module = boot_module("init");
    uint64_t entry;

    if (!module) {
        core_print("there is no module `init'");
        core_exit(CORE_EXIT_BOOT);
    }
    enum status status = make_domain();

    if (status == OK)
        status = load(module, &entry);
    if (status == OK)
        status = start_thread(entry);
    if (status != OK) {
        core_print("cannot start init: %s, %lluK of RAM are free", status_text(status),
                   (unsigned long long)(quota_left(&core.root.ram) >> 10));
        core_exit(CORE_EXIT_BOOT);
    }
}
