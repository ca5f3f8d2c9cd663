/* SPDX-License-Identifier: MIT */
/*
 * Loading a child: segments, stack, environment page, main thread. All memory comes out of the child's PD session, is
 * filled here through a passing attachment, and stays with the child.
 */
#include "lib/child/child.h"

#include "lib/base/memory.h"
#include "lib/base/pd_session.h"
#include "lib/base/thread.h"
#include "lib/string/string.h"

static uint64_t page_down(uint64_t address)
{
    return address & ~(PAGE_SIZE - 1);
}

/* What is copied to the beginning of a fresh dataspace. */
struct content {
    uint64_t offset; /* in the dataspace */
    const void *data;
    uint64_t size;
};

static enum status content_write(uint32_t dataspace, const struct content *content)
{
    void *address;
    enum status status = memory_attach(dataspace, PD_READ | PD_WRITE, &address);

    if (status != OK)
        return status;
    memcpy((char *)address + content->offset, content->data, content->size);
    memory_detach(address);
    return OK;
}

/* A dataspace of the child's with this content, attached in the child. `*address` may be PD_ANYWHERE. */
static enum status memory_add(uint32_t pd_session, uint64_t size, unsigned rights,
                              const struct content *content_opt, uint64_t *address)
{
    struct pd_attach attach = {.address = *address, .rights = rights};
    uint32_t dataspace;
    enum status status = pd_dataspace_alloc(pd_session, size, 0, &dataspace);

    if (status != OK)
        return status;
    if (content_opt)
        status = content_write(dataspace, content_opt);
    if (status == OK)
        status = pd_attach(pd_session, dataspace, &attach, address);
    if (status != OK)
        (void)pd_dataspace_free(pd_session, dataspace);
    cap_free(dataspace); /* the child's session keeps the memory */
    return status;
}

static enum status segment_load(const struct child_options *options, const struct elf_segment *segment)
{
    uint64_t address = page_down(segment->address);
    uint64_t size = page_round_up(segment->address + segment->memory_size) - address;
    struct content content = {.offset = segment->address - address,
                              .data = (const char *)options->elf + segment->file_offset,
                              .size = segment->file_size};
    unsigned rights = PD_READ | (segment->write ? PD_WRITE : 0) | (segment->execute ? PD_EXECUTE : 0);

    return memory_add(options->pd_session, size, rights, segment->file_size ? &content : NULL, &address);
}

static enum status thread_add(const struct child_options *options, struct child *child,
                              uint64_t *message_area)
{
    struct pd_thread_create in = {.flags = options->fpu ? PD_THREAD_FPU : 0,
                                  .priority = options->priority,
                                  .own_slot = ENV_SLOT_THREAD};
    struct pd_thread out;
    uint32_t thread;

    (void)string_copy(in.name, sizeof(in.name), "main");
    enum status status = pd_thread_create(options->pd_session, &in, &out, &thread);

    if (status != OK)
        return status;
    cap_free(thread); /* it is known by its number here */
    child->thread_id = out.id;
    *message_area = out.message_area;
    return OK;
}

/* Stack and environment page; the start protocol is in lib/base/env.h. */
static enum status environment_add(const struct child_options *options, struct child *child,
                                   uint64_t message_area)
{
    struct pd_info info;
    uint64_t stack = PD_ANYWHERE;
    enum status status = pd_info(options->pd_session, &info);

    if (status == OK)
        status = memory_add(options->pd_session, CHILD_STACK_SIZE, PD_READ | PD_WRITE, NULL, &stack);
    if (status != OK)
        return status;

    struct env_page page = {.magic = ENV_PAGE_MAGIC,
                            .version = ENV_PAGE_VERSION,
                            .slots = info.slots,
                            .tsc_khz = env.page->tsc_khz,
                            .features = env.page->features,
                            .message_area = message_area,
                            .stack = stack,
                            .stack_size = CHILD_STACK_SIZE,
                            .cpus = info.cpus};
    struct content content = {.data = &page, .size = sizeof(page)};

    (void)string_copy(page.name, sizeof(page.name), options->name);
    child->stack_pointer = stack + CHILD_STACK_SIZE - THREAD_CONTROL_SIZE;
    child->env_address = PD_ANYWHERE;
    return memory_add(options->pd_session, PAGE_SIZE, PD_READ, &content, &child->env_address);
}

enum status child_load(const struct child_options *options, struct child *out)
{
    struct elf_image image;
    struct child child = {.pd_session = options->pd_session};
    uint64_t message_area;
    enum status status = elf_parse(options->elf, options->elf_size, &image);

    for (unsigned i = 0; status == OK && i < image.segment_count; i++)
        status = segment_load(options, &image.segments[i]);
    if (status == OK)
        status = pd_grant(options->pd_session, options->parent_portal, ENV_SLOT_PARENT, RIGHT_PORTAL_CALL);
    if (status == OK)
        status = thread_add(options, &child, &message_area);
    if (status == OK)
        status = environment_add(options, &child, message_area);
    if (status != OK)
        return status;
    child.entry = image.entry;
    *out = child;
    return OK;
}

enum status child_start(const struct child *child)
{
    struct pd_thread_start in = {.id = child->thread_id,
                                 .ip = child->entry,
                                 .sp = child->stack_pointer,
                                 .argument = child->env_address,
                                 .tls = child->stack_pointer};

    return pd_thread_start(child->pd_session, &in);
}
