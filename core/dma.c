/* SPDX-License-Identifier: MIT */
/*
 * DMA: sessions of the platform driver, each one space of addresses that devices may reach (see dma.h).
 *
 * The space is a region map like any other: a dataspace that is destroyed leaves the scratch page there, and the kernel
 * confirms that the IOMMU has forgotten the frames before they go on. A mapping's id is the number of its first page.
 */
#include "contract/dma/dispatch.h"
#include "core/assert.h"
#include "core/dma.h"
#include "core/pd.h"

/* Addresses on the bus. Below 4 GiB those of RAM, where no bridge takes them for a device's; not the first MiB, so that a
   device that was told nothing finds nothing. Ids have 32 bits. */
#define BUS_START FRAME_SIZE
#define BUS_FIRST 0x100000ull
#define BUS_LIMIT 0x100000000ull
#define BUS_END   (1ull << 39)

#define FUNCTIONS_AT_ONCE 64u

static uint32_t id_of(uint64_t address)
{
    return (uint32_t)(address / FRAME_SIZE);
}

static uint64_t address_of(uint32_t id)
{
    return id * FRAME_SIZE;
}

/* The end of RAM below 4 GiB. */
static uint64_t low_memory_end(void)
{
    uint64_t end = BUS_FIRST;

    for (uint32_t i = 0; i < core.boot->memory_count; i++) {
        const struct boot_memory *memory = &core.boot->memory[i];

        if (memory->type != BOOT_MEMORY_RESERVED && memory->base < BUS_LIMIT &&
            memory->base + memory->size > end)
            end = memory->base + memory->size;
    }
    return end < BUS_LIMIT ? end : BUS_LIMIT;
}

/* Memory that is still mapped is about to become somebody else's. */
static void withdraw(struct space *space)
{
    struct dma_session *dma = (struct dma_session *)((char *)space - offsetof(struct dma_session, space));

    for (const struct dma_function *function = dma->functions; function; function = function->next) {
        core_print("DMA: memory of device %02x:%02x.%x is gone: the device %s", function->address >> 8,
                   function->address >> 3 & 31, function->address & 7u,
                   function->config ? "is stopped" : "cannot be stopped");
        dma_function_stop(function);
    }
}

/* The kernel's space and what belongs to it. Its devices are detached already. ERR_AGAIN: not yet all. */
static enum status confined_end(struct dma_session *dma)
{
    struct account *account = &dma->session.account;

    if (kmem_end(&dma->kmem) != OK)
        return ERR_AGAIN;
    dma->space.slot = CAP_NONE;
    slot_give(account, dma->dma_space);
    dma->dma_space = CAP_NONE;
    if (dma->space.scratch)
        account_return_frame(account, dma->space.scratch);
    dma->space.scratch = 0;
    return OK;
}

static enum status confined_begin(struct dma_session *dma, const struct dma_iommu *unit)
{
    struct account *account = &dma->session.account;
    enum status status = kmem_begin(&dma->kmem, account);

    if (status == OK)
        status = slot_take(account, &dma->dma_space);
    if (status == OK)
        status =
            WITH_KMEM(&dma->kmem, kernel_create_dma_space(dma->kmem.pd_slot, dma->dma_space, unit->slot));
    if (status == OK)
        status = account_take_frame(account, &dma->space.scratch);
    if (status != OK) {
        while (confined_end(dma) != OK)
            ;
        return status;
    }
    dma->space.slot = dma->dma_space;
    dma->space.small_only = !unit->large_pages;
    return OK;
}

/* ERR_INVALID: the space is of the other kind. */
static enum status decide(struct dma_session *dma, const struct dma_iommu *unit_opt)
{
    enum dma_kind kind = unit_opt ? DMA_CONFINED : DMA_PHYSICAL;

    if (dma->kind != DMA_UNDECIDED)
        return dma->kind == kind ? OK : ERR_INVALID;
    enum status status = unit_opt ? confined_begin(dma, unit_opt) : OK;

    if (status == OK)
        dma->kind = kind;
    return status;
}

static enum status dma_open(struct session *session, const char *args)
{
    struct dma_session *dma = (struct dma_session *)session;
    uint64_t hole = low_memory_end();

    (void)args;
    session->kmem_opt = &dma->kmem;
    dma->kmem.account = &session->account;
    dma->space = (struct space){.kmem = &dma->kmem, .withdraw_opt = withdraw};
    region_map_init(&dma->map, &session->account, &dma->space, BUS_START, BUS_END, BUS_FIRST);
    return hole < BUS_LIMIT ? region_map_reserve(&dma->map, hole, BUS_LIMIT - hole) : OK;
}

static void remove_function(struct dma_session *dma, struct dma_function **link)
{
    if (dma->kind == DMA_PHYSICAL) {
        dma_function_stop(*link);
    } else {
        enum status status = kernel_iommu_control((*link)->iommu, IOMMU_DETACH, (*link)->address, CAP_NONE);

        ASSERT(status == OK);
    }
    dma_function_remove(link);
}

static enum status dma_close(struct session *session)
{
    struct dma_session *dma = (struct dma_session *)session;

    for (unsigned n = 0; dma->functions; n++) {
        if (n == FUNCTIONS_AT_ONCE)
            return ERR_AGAIN;
        remove_function(dma, &dma->functions);
    }
    if (dma->kind == DMA_CONFINED && confined_end(dma) != OK)
        return ERR_AGAIN;
    return region_map_clear(&dma->map);
}

static enum status handle_attach(void *session, const struct dma_device *in, struct dma_protection *out)
{
    struct dma_session *dma = session;
    const struct dma_iommu *unit_opt = in->unit ? dma_unit_find(in->unit) : NULL;

    if (in->unit && !unit_opt)
        return ERR_NOT_FOUND;
    enum status status = decide(dma, unit_opt);

    if (status == OK)
        status = dma_function_add(dma, in);
    if (status != OK)
        return status;
    if (unit_opt) {
        dma->functions->iommu = unit_opt->slot;
        status = WITH_KMEM(&core.kmem,
                           kernel_iommu_control(unit_opt->slot, IOMMU_ATTACH, in->address, dma->dma_space));
    }
    if (status != OK)
        dma_function_remove(&dma->functions);
    else
        *out = (struct dma_protection){.iommu = unit_opt ? 1 : 0};
    return status;
}

static enum status handle_detach(void *session, const struct dma_device *in)
{
    struct dma_session *dma = session;
    struct dma_function **link = dma_function_find(dma, in);

    if (!link)
        return ERR_NOT_FOUND;
    remove_function(dma, link);
    return OK;
}

static uint32_t count_runs(const struct dataspace *dataspace, uint64_t offset, uint64_t size)
{
    uint32_t runs = 0;

    for (const struct extent *extent = dataspace->extents; extent && size; extent = extent->next) {
        uint64_t extent_size = extent->pages * FRAME_SIZE;

        if (offset >= extent_size) {
            offset -= extent_size;
            continue;
        }
        runs++;
        size -= extent_size - offset < size ? extent_size - offset : size;
        offset = 0;
    }
    return runs;
}

/* What is behind a region map may change, and registers are no memory. */
static enum status memory_identify(uint32_t slot, struct dataspace **out)
{
    enum status status = dataspace_identify(slot, out);

    if (status != OK)
        return status;
    return (*out)->flags & (DATASPACE_MAP | DATASPACE_DEVICE) ? ERR_INVALID : OK;
}

static enum status handle_map(void *session, const struct dma_map *in, uint32_t slot, struct dma_mapping *out)
{
    struct dma_session *dma = session;
    struct dataspace *dataspace;
    uint64_t address;
    enum status status = memory_identify(slot, &dataspace);

    if (status == OK && dma->kind == DMA_UNDECIDED)
        status = decide(dma, dma_unit_first());
    if (status != OK)
        return status;
    struct attach attach = {
        .dataspace = dataspace,
        .offset = in->offset,
        .size = in->size,
        .rights = in->write ? ATTACH_WRITE : 0u,
    };
    status = region_map_attach(&dma->map, &attach, &address);
    if (status == OK)
        *out = (struct dma_mapping){
            .id = id_of(address),
            .runs = dma->kind == DMA_CONFINED ? 1 : count_runs(dataspace, in->offset, in->size),
        };
    return status;
}

static enum status handle_run(void *session, const struct dma_at *in, struct dma_run *out)
{
    struct dma_session *dma = session;
    const struct attachment *at = region_map_find(&dma->map, address_of(in->id));

    if (!at)
        return ERR_NOT_FOUND;
    if (in->offset >= at->size)
        return ERR_RANGE;
    if (dma->kind == DMA_CONFINED) {
        *out = (struct dma_run){attachment_address(at) + in->offset, at->size - in->offset};
        return OK;
    }
    if (!at->dataspace_opt)
        return ERR_PEER_GONE;
    return dataspace_run(at->dataspace_opt, at->offset + in->offset, at->size - in->offset, &out->address,
                         &out->size);
}

static enum status handle_unmap(void *session, uint32_t id)
{
    return region_map_detach(&((struct dma_session *)session)->map, address_of(id));
}

static const struct dma_handlers handlers = {
    .unit_add = dma_unit_add,
    .device_attach = handle_attach,
    .device_detach = handle_detach,
    .map = handle_map,
    .run = handle_run,
    .unmap = handle_unmap,
    .fault = dma_fault_read,
    .fault_notify = dma_fault_notify,
    .interrupts = dma_unit_interrupts,
};

static enum status dma_session_dispatch(struct session *session, struct dispatch *d)
{
    return dma_dispatch(&handlers, session, d);
}

const struct service dma_service = {
    .name = DMA_SERVICE,
    .kind = KIND_DMA,
    .size = sizeof(struct dma_session),
    .open = dma_open,
    .close = dma_close,
    .dispatch = dma_session_dispatch,
};
