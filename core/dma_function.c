/* SPDX-License-Identifier: MIT */
/*
 * PCI functions of DMA sessions, and the one thing that core does to them: taking away the right to begin transactions.
 *
 * Configuration space is looked at through one page of core's, which maps whichever function is concerned. Its tables are
 * there from the first function on, so that stopping one needs no memory.
 */
#include "core/assert.h"
#include "core/dma.h"

/* Beyond the window on RAM. */
#define PEEPHOLE (CORE_WINDOW + (1ull << 46))

/* PCI 3.0, 6.2.2 */
#define CONFIG_COMMAND     4u
#define COMMAND_BUS_MASTER (1u << 2)

static enum status peephole_map(uint64_t physical)
{
    uint64_t done, pages;

    *(struct space_entry *)core_area()->words = (struct space_entry){
        .virtual = PEEPHOLE,
        .physical = physical,
        .pages = 1,
        .operation = SPACE_REPLACE,
        .flags = SPACE_WRITE | SPACE_UNCACHED,
    };
    return kernel_space_update(ROOT_SLOT_HOST_SPACE, 1, &done, &pages);
}

static bool is_function(const struct dma_function *function, const struct dma_device *in)
{
    return function->segment == in->segment && function->address == in->address;
}

struct dma_function **dma_function_find(struct dma_session *dma, const struct dma_device *in)
{
    for (struct dma_function **link = &dma->functions; *link; link = &(*link)->next)
        if (is_function(*link, in))
            return link;
    return NULL;
}

enum status dma_function_add(struct dma_session *dma, const struct dma_device *in)
{
    struct session *other = NULL;
    void *note;

    while ((other = session_next(KIND_DMA, other)))
        if (dma_function_find((struct dma_session *)other, in))
            return ERR_BUSY;
    if (in->config != 0) {
        if (!io_mem_is_device(in->config, in->config + FRAME_SIZE) ||
            dma_unit_in(in->config, in->config + FRAME_SIZE))
            return ERR_DENIED;
        enum status status = WITH_KMEM(&core.kmem, peephole_map(in->config));

        if (status != OK)
            return status;
    }
    enum status status = slab_alloc(&dma->session.account, sizeof(struct dma_function), &note);

    if (status != OK)
        return status;
    struct dma_function *function = note;

    *function = (struct dma_function){
        .next = dma->functions,
        .config = in->config,
        .segment = in->segment,
        .address = in->address,
    };
    dma->functions = function;
    return OK;
}

void dma_function_remove(struct dma_function **link)
{
    struct dma_function *function = *link;

    *link = function->next;
    slab_free(function);
}

void dma_function_stop(const struct dma_function *function)
{
    volatile uint16_t *command = (volatile uint16_t *)(PEEPHOLE + CONFIG_COMMAND);

    if (function->config == 0)
        return;
    enum status status = peephole_map(function->config);

    ASSERT(status == OK);
    *command = (uint16_t)(*command & ~COMMAND_BUS_MASTER);
    (void)*command; /* the write has arrived, and what the device sent before it */
}
