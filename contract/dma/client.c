/* SPDX-License-Identifier: MIT */
#include "contract/dma/client.h"

#include "lib/base/ipc.h"

enum status dma_unit_add(uint32_t session, const struct dma_unit *in)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = DMA_UNIT_ADD, .in = in, .in_size = sizeof(*in)});
}

enum status dma_interrupts(uint32_t session, const struct dma_interrupts *in)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = DMA_INTERRUPTS, .in = in, .in_size = sizeof(*in)});
}

enum status dma_device_attach(uint32_t session, const struct dma_device *in, struct dma_protection *out)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = DMA_DEVICE_ATTACH,
                                  .in = in,
                                  .in_size = sizeof(*in),
                                  .out = out,
                                  .out_size = sizeof(*out)});
}

enum status dma_device_detach(uint32_t session, const struct dma_device *in)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = DMA_DEVICE_DETACH, .in = in, .in_size = sizeof(*in)});
}

enum status dma_map(uint32_t session, uint32_t dataspace, const struct dma_map *in, struct dma_mapping *out)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = DMA_MAP,
                                  .in = in,
                                  .in_size = sizeof(*in),
                                  .send = {dataspace},
                                  .send_count = 1,
                                  .out = out,
                                  .out_size = sizeof(*out)});
}

enum status dma_run(uint32_t session, const struct dma_at *in, struct dma_run *out)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = DMA_RUN,
                                  .in = in,
                                  .in_size = sizeof(*in),
                                  .out = out,
                                  .out_size = sizeof(*out)});
}

enum status dma_unmap(uint32_t session, uint32_t id)
{
    struct dma_id in = {.id = id};

    return ipc_call(&(struct ipc){.portal = session, .opcode = DMA_UNMAP, .in = &in, .in_size = sizeof(in)});
}

enum status dma_fault(uint32_t session, struct dma_fault *out)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = DMA_FAULT, .out = out, .out_size = sizeof(*out)});
}

enum status dma_fault_notify(uint32_t session, uint32_t notification)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = DMA_FAULT_NOTIFY,
                                  .send = {notification},
                                  .send_rights = {RIGHT_NOTIFICATION_SIGNAL},
                                  .send_count = 1});
}
