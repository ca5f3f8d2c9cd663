/* SPDX-License-Identifier: MIT */
/*
 * IO_MEM: device registers, never RAM, never interrupt controllers and IOMMUs, and each page to one session at a time.
 */
#include "contract/io_mem/dispatch.h"
#include "core/core.h"
#include "core/dataspace.h"
#include "core/dma.h"
#include "core/session.h"
#include "lib/base/session.h"
#include "lib/range/range.h"

#define PHYSICAL_END (1ull << 46)

/* I/O APICs, HPET, local APIC: the kernel's (SDM vol. 3, 11.4.1; Intel chipset address map). */
#define INTERRUPT_START 0xfec00000ull
#define INTERRUPT_END   0xfef00000ull

struct io_mem_session {
    struct session session;
    uint64_t base, size; /* as asked for */
    struct dataspace *dataspace;
};

static uint64_t page_start(uint64_t address)
{
    return address & ~(FRAME_SIZE - 1);
}

static bool overlap(uint64_t start_a, uint64_t end_a, uint64_t start_b, uint64_t end_b)
{
    return start_a < end_b && start_b < end_a;
}

/* Firmware tables are reserved memory, which may be looked at. */
static bool is_memory(uint64_t start, uint64_t end)
{
    for (uint32_t i = 0; i < core.boot->memory_count; i++) {
        const struct boot_memory *memory = &core.boot->memory[i];

        if (memory->type != BOOT_MEMORY_RESERVED &&
            overlap(start, end, memory->base, memory->base + memory->size))
            return true;
    }
    return false;
}

bool io_mem_is_device(uint64_t start, uint64_t end)
{
    return !is_memory(start, end) && !overlap(start, end, INTERRUPT_START, INTERRUPT_END);
}

bool io_mem_is_taken(uint64_t start, uint64_t end)
{
    struct session *other = NULL;

    while ((other = session_next(KIND_IO_MEM, other))) {
        const struct io_mem_session *taken = (const struct io_mem_session *)other;

        if (overlap(start, end, page_start(taken->base), page_start(taken->base) + taken->dataspace->size))
            return true;
    }
    return false;
}

static enum status check_range(uint64_t start, uint64_t end)
{
    if (!io_mem_is_device(start, end) || dma_unit_in(start, end))
        return ERR_DENIED;
    return io_mem_is_taken(start, end) ? ERR_BUSY : OK;
}

static enum status io_mem_open(struct session *session, const char *args)
{
    struct io_mem_session *io_mem = (struct io_mem_session *)session;
    unsigned flags = DATASPACE_WRITE | DATASPACE_DEVICE;
    char caching[4];

    if (session_arg_number(args, "base", &io_mem->base) != OK ||
        session_arg_number(args, "size", &io_mem->size) != OK)
        return ERR_INVALID;
    if (io_mem->size == 0 || !range_ok(io_mem->base, io_mem->size, PHYSICAL_END))
        return ERR_RANGE;
    /* caching=wc: write combining, for frame buffers. */
    bool combining = session_arg(args, "caching", caching, sizeof(caching)) == OK && caching[0] == 'w';
    uint64_t start = page_start(io_mem->base), end = page_start(io_mem->base + io_mem->size + FRAME_SIZE - 1);
    enum status status = check_range(start, end);

    if (status != OK)
        return status;
    status = dataspace_create_foreign(&session->account, start, end - start,
                                      flags | (combining ? DATASPACE_WRITE_COMBINING : DATASPACE_UNCACHED),
                                      &io_mem->dataspace);
    if (status != OK)
        return status;
    status = object_publish(&io_mem->dataspace->object, 0);
    if (status != OK)
        dataspace_destroy(io_mem->dataspace);
    return status;
}

static enum status io_mem_close(struct session *session)
{
    struct io_mem_session *io_mem = (struct io_mem_session *)session;

    object_unpublish(&io_mem->dataspace->object);
    if (dataspace_retire(io_mem->dataspace) != OK)
        return ERR_AGAIN;
    dataspace_destroy(io_mem->dataspace);
    return OK;
}

static enum status handle_dataspace(void *session, struct io_mem_range *out, struct message_cap *cap)
{
    struct io_mem_session *io_mem = session;

    *out = (struct io_mem_range){
        .physical = io_mem->base,
        .size = io_mem->size,
        .page_offset = io_mem->base % FRAME_SIZE,
    };
    *cap = object_cap(&io_mem->dataspace->object);
    return OK;
}

static const struct io_mem_handlers handlers = {.dataspace = handle_dataspace};

static enum status io_mem_session_dispatch(struct session *session, struct dispatch *d)
{
    return io_mem_dispatch(&handlers, session, d);
}

const struct service io_mem_service = {
    .name = IO_MEM_SERVICE,
    .kind = KIND_IO_MEM,
    .size = sizeof(struct io_mem_session),
    .open = io_mem_open,
    .close = io_mem_close,
    .dispatch = io_mem_session_dispatch,
};
