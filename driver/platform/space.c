/* SPDX-License-Identifier: MIT */
/* The DMA space of a session's function. */
#include "contract/dma/client.h"
#include "driver/platform/registers.h"
#include "driver/platform/session.h"
#include "lib/base/log.h"

/* What core lacked for page tables and notes comes in these pieces. */
#define UPGRADE_RAM  (16u << 10)
#define UPGRADE_CAPS 2u

static const struct session_options options = {
    .service = DMA_SERVICE, .label_opt = "space", .ram = DMA_SESSION_RAM, .caps = DMA_SESSION_CAPS};

static struct dma_device device_of(const struct function *function)
{
    return (struct dma_device){
        .config = registers_physical(function->node->at),
        .unit = function->unit,
        .segment = function->node->at.access->segment,
        .address = function->requester,
    };
}

enum status space_open(struct platform_session *session)
{
    struct dma_device device = device_of(session->function);
    struct dma_protection protection;
    enum status status = session_resource_open(session, &options, &session->dma);

    if (status != OK)
        return status;
    status = dma_device_attach(session->dma.slot, &device, &protection);
    if (status != OK) {
        session_resource_close(session, &options, &session->dma);
        return status;
    }
    session->confined = protection.iommu;
    return OK;
}

void space_close(struct platform_session *session)
{
    struct dma_device device = device_of(session->function);
    enum status status = dma_device_detach(session->dma.slot, &device);

    if (status != OK)
        log_error("%s cannot be detached", session->function->name);
    /* What was added by upgrades comes back, too, but the session ends anyway. */
    session_resource_close(session, &options, &session->dma);
}

/* Hands on what the driver has lent and core says is missing. */
static enum status upgrade(struct platform_session *session, enum status missing)
{
    uint64_t ram = missing == ERR_NO_RAM ? UPGRADE_RAM : 0;
    uint32_t caps = missing == ERR_NO_CAPS ? UPGRADE_CAPS : 0;
    enum status status = session_pay(session, ram, caps);

    if (status != OK)
        return status;
    status = session_upgrade(&session->dma, ram, caps);
    if (status != OK)
        session_refund(session, ram, caps);
    return status;
}

enum status space_map(struct platform_session *session, const struct platform_dma_map *in, uint32_t dataspace,
                      struct platform_dma_mapping *out)
{
    struct dma_map map = {.offset = in->offset, .size = in->size, .write = in->write};
    struct dma_mapping mapping;
    enum status status;

    while ((status = dma_map(session->dma.slot, dataspace, &map, &mapping)) == ERR_NO_RAM ||
           status == ERR_NO_CAPS) {
        status = upgrade(session, status);
        if (status != OK)
            break;
    }
    if (status == OK)
        *out = (struct platform_dma_mapping){.id = mapping.id, .runs = mapping.runs};
    return status;
}
