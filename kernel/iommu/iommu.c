/* SPDX-License-Identifier: MIT */
/* IOMMUs and DMA spaces as objects: lifetimes, domains, which device is where. See iommu.h. */
#include "kernel/iommu/iommu.h"

#include "kernel/arch/arch.h"
#include "kernel/iommu/vtd.h"
#include "kernel/mem/memory.h"
#include "kernel/object/pd.h"
#include "kernel/object/space.h"

static struct iommu *iommus;
static uint64_t domains_used[VTD_DOMAINS / 64] = {1}; /* 0 is nobody's */

/* ---- units ---- */

static struct page_table_format format_of(const struct vtd_ability *ability)
{
    return (struct page_table_format){
        .levels = ability->levels,
        .address_end = ability->address_end,
        .table = VTD_PAGE_READ | VTD_PAGE_WRITE,
        .page = VTD_PAGE_READ | (ability->snoop ? VTD_PAGE_SNOOP : 0),
        .large = ability->large_pages ? VTD_PAGE_LARGE : 0,
        .write = VTD_PAGE_WRITE,
        .write_back_opt = ability->coherent ? NULL : arch_cache_write_back,
    };
}

static void frame_free(struct iommu *iommu, void *frame_opt)
{
    if (frame_opt)
        account_frame_free(iommu->object.account, frame_opt);
}

static void frames_free(struct iommu *iommu)
{
    frame_free(iommu, iommu->vtd.root);
    frame_free(iommu, iommu->vtd.queue);
    frame_free(iommu, iommu->vtd.remap_opt);
}

static enum status frames_alloc(struct iommu *iommu)
{
    struct vtd *vtd = &iommu->vtd;
    struct pd *account = iommu->object.account;

    vtd->root = account_frame_alloc(account);
    vtd->queue = account_frame_alloc(account);
    if (vtd->ability.remapping)
        vtd->remap_opt = account_frame_alloc(account);
    if (vtd->root && vtd->queue && (vtd->remap_opt || !vtd->ability.remapping))
        return OK;
    frames_free(iommu);
    return ERR_NO_KMEM;
}

/* The registers are mapped. */
static enum status unit_make(struct pd *account, volatile void *registers, struct iommu **out)
{
    struct vtd vtd = {.registers = registers};
    struct iommu *iommu;

    if (!vtd_probe(&vtd))
        return ERR_UNSUPPORTED;
    iommu = account_object_alloc(account, OBJECT_IOMMU, sizeof(*iommu));
    if (!iommu)
        return ERR_NO_KMEM;
    iommu->vtd = vtd;
    if (frames_alloc(iommu) != OK) {
        account_object_free(&iommu->object);
        return ERR_NO_KMEM;
    }
    iommu->format = format_of(&vtd.ability);
    *out = iommu;
    return OK;
}

enum status iommu_create(struct pd *account, uint64_t physical, struct iommu **out)
{
    volatile void *registers;
    enum status status;

    if (physical & (FRAME_SIZE - 1))
        return ERR_INVALID;
    for (const struct iommu *other = iommus; other; other = other->next)
        if (other->physical == physical)
            return ERR_EXISTS;
    registers = arch_iommu_map(physical, &status);
    if (!registers)
        return status;
    status = unit_make(account, registers, out);
    if (status != OK) {
        arch_iommu_unmap(registers);
        return status;
    }
    (*out)->physical = physical;
    (*out)->next = iommus;
    iommus = *out;
    vtd_start(&(*out)->vtd);
    return OK;
}

void iommu_destroy(struct iommu *iommu)
{
    struct iommu **link = &iommus;

    arch_ioapic_forget(iommu);
    vtd_stop(&iommu->vtd);
    while (*link != iommu)
        link = &(*link)->next;
    *link = iommu->next;
    for (unsigned bus = 0; bus < VTD_BUSES; bus++)
        frame_free(iommu, vtd_context(&iommu->vtd, (uint16_t)(bus << 8)));
    frames_free(iommu);
    arch_iommu_unmap(iommu->vtd.registers);
    account_object_free(&iommu->object);
}

unsigned iommu_features(const struct iommu *iommu)
{
    return (iommu->vtd.ability.large_pages ? (unsigned)IOMMU_LARGE_PAGES : 0u) |
           (iommu->vtd.ability.remapping ? (unsigned)IOMMU_REMAPPING : 0u);
}

enum status iommu_fault(struct iommu *iommu, uint64_t *address, uint64_t *info)
{
    struct vtd_entry record;
    bool lost;

    if (!vtd_fault_take(&iommu->vtd, &record, &lost))
        return ERR_NOT_FOUND;
    *address = vtd_fault_address(record);
    *info = vtd_fault_source(record) | (uint64_t)vtd_fault_reason(record) << 16 |
            (vtd_fault_is_write(record) ? IOMMU_FAULT_WRITE : 0u) | (lost ? IOMMU_FAULT_LOST : 0u);
    return OK;
}

/* Do its entries name CPUs by ids of 32 bits? */
static bool is_extended(const struct vtd *vtd)
{
    return vtd->ability.extended && arch_line_target(0).extended;
}

enum status iommu_remap(struct iommu *iommu, uint32_t argument)
{
    struct vtd *vtd = &iommu->vtd;

    if (!vtd->remap_opt)
        return ERR_UNSUPPORTED;
    if (argument & IOMMU_REMAP_IOAPIC &&
        !arch_ioapic_remap((uint8_t)(argument >> 16), iommu, (uint16_t)argument))
        return ERR_NOT_FOUND;
    if (!vtd->remaps)
        vtd_remap_start(vtd, is_extended(vtd));
    return OK;
}

void iommu_line_set(struct iommu *iommu, unsigned line, uint16_t source, bool level)
{
    struct line_target target = arch_line_target(line);

    vtd_remap_set(&iommu->vtd, line,
                  vtd_remap_entry(target.vector, target.apic_id, is_extended(&iommu->vtd), level, source));
}

void iommu_line_clear(struct iommu *iommu, unsigned line)
{
    vtd_remap_set(&iommu->vtd, line, (struct vtd_entry){0, 0});
}

struct message iommu_message(const struct iommu *iommu, unsigned line)
{
    return iommu->vtd.remaps ? (struct message){vtd_message_address(line), 0} : arch_message(line);
}

/* ---- devices ---- */

/* The context entry of a device, with a table for its bus if there is none; NULL: no memory. */
static struct vtd_entry *context_make(struct iommu *iommu, uint16_t device)
{
    if (!vtd_context(&iommu->vtd, device)) {
        struct vtd_entry *table = account_frame_alloc(iommu->object.account);

        if (!table)
            return NULL;
        vtd_context_table_set(&iommu->vtd, device, table);
    }
    return vtd_context(&iommu->vtd, device);
}

static bool same_format(const struct page_table_format *a, const struct page_table_format *b)
{
    return a->levels == b->levels && a->address_end == b->address_end && a->page == b->page &&
           a->large == b->large && a->write_back_opt == b->write_back_opt;
}

enum status iommu_attach(struct iommu *iommu, uint16_t device, struct dma_space *space)
{
    struct vtd_entry *context;

    if (space->domain == 0)
        return ERR_BUSY;
    if (!same_format(&space->format, &iommu->format))
        return ERR_UNSUPPORTED;
    context = context_make(iommu, device);
    if (!context)
        return ERR_NO_KMEM;
    if (context->low & VTD_PRESENT)
        return vtd_context_domain(*context) == space->domain ? OK : ERR_BUSY;
    vtd_entry_set(&iommu->vtd, context,
                  vtd_context_entry(space->table.root, space->format.levels, space->domain));
    vtd_forget_all(&iommu->vtd); /* some remember absent entries too */
    return OK;
}

void iommu_detach(struct iommu *iommu, uint16_t device)
{
    struct vtd_entry *context = vtd_context(&iommu->vtd, device);

    if (!context || !(context->low & VTD_PRESENT))
        return;
    vtd_entry_clear(&iommu->vtd, context);
    vtd_forget_all(&iommu->vtd);
}

/* ---- DMA spaces ---- */

static struct dma_space *space_of(struct page_table *table)
{
    return (struct dma_space *)((char *)table - offsetof(struct dma_space, table));
}

/* A table that this update has freed must not become another one while a unit may still walk it. */
static void *table_alloc(struct page_table *table)
{
    struct dma_space *space = space_of(table);

    if (space->table_freed)
        dma_space_flush(space);
    space->table_freed = false;
    return account_frame_alloc(table->owner);
}

static void table_free(struct page_table *table, void *frame)
{
    space_of(table)->table_freed = true;
    account_frame_free(table->owner, frame);
}

static const struct page_table_frames table_frames = {table_alloc, table_free};

static enum status domain_take(uint16_t *out)
{
    for (unsigned domain = 1; domain < VTD_DOMAINS; domain++)
        if (!(domains_used[domain / 64] >> domain % 64 & 1)) {
            domains_used[domain / 64] |= 1ull << domain % 64;
            *out = (uint16_t)domain;
            return OK;
        }
    return ERR_EXISTS;
}

static void domain_give(uint16_t domain)
{
    domains_used[domain / 64] &= ~(1ull << domain % 64);
}

enum status dma_space_create(struct pd *account, const struct iommu *iommu, struct dma_space **out)
{
    struct dma_space *space;
    uint16_t domain;
    enum status status = domain_take(&domain);

    if (status != OK)
        return status;
    space = account_object_alloc(account, OBJECT_DMA_SPACE, sizeof(*space));
    if (!space)
        goto give_domain;
    space->format = iommu->format;
    if (!page_table_init(&space->table, &space->format, &table_frames, account))
        goto free_object;
    space->domain = domain;
    *out = space;
    return OK;

free_object:
    account_object_free(&space->object);
give_domain:
    domain_give(domain);
    return ERR_NO_KMEM;
}

void dma_space_flush(const struct dma_space *space)
{
    for (struct iommu *iommu = iommus; iommu; iommu = iommu->next)
        vtd_forget_domain(&iommu->vtd, space->domain);
}

/* Does a unit remember entries that were absent, or keep back what was written? */
static bool any_needs_telling(void)
{
    for (const struct iommu *iommu = iommus; iommu; iommu = iommu->next)
        if (iommu->vtd.ability.caches_absent || iommu->vtd.ability.write_buffer)
            return true;
    return false;
}

enum status dma_space_update(struct dma_space *space, const struct space_entry *entry, uint32_t *done)
{
    struct page_table_flush flush = {0, 0};
    enum status status = space_update(&space->table, entry, done, &flush);

    if (flush.start < flush.end || (*done && any_needs_telling()))
        dma_space_flush(space);
    space->table_freed = false;
    return status;
}

static void detach_all(struct iommu *iommu, uint16_t domain)
{
    bool found = false;

    for (unsigned bus = 0; bus < VTD_BUSES; bus++) {
        struct vtd_entry *context = vtd_context(&iommu->vtd, (uint16_t)(bus << 8));

        for (unsigned i = 0; context && i < VTD_FUNCTIONS; i++)
            if (context[i].low & VTD_PRESENT && vtd_context_domain(context[i]) == domain) {
                vtd_entry_clear(&iommu->vtd, &context[i]);
                found = true;
            }
    }
    if (found)
        vtd_forget_all(&iommu->vtd);
}

bool dma_space_release(struct dma_space *space)
{
    if (space->domain) {
        for (struct iommu *iommu = iommus; iommu; iommu = iommu->next)
            detach_all(iommu, space->domain);
        dma_space_flush(space);
        domain_give(space->domain);
        space->domain = 0;
    }
    return page_table_release(&space->table);
}
