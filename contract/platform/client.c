/* SPDX-License-Identifier: MIT */
#include "contract/platform/client.h"

#include "lib/base/ipc.h"

enum status platform_device(uint32_t session, struct platform_device *out)
{
    return ipc_call(
        &(struct ipc){.portal = session, .opcode = PLATFORM_DEVICE, .out = out, .out_size = sizeof(*out)});
}

enum status platform_bar(uint32_t session, uint32_t index, struct platform_bar_range *out,
                         uint32_t *dataspace)
{
    struct platform_index in = {.index = index};

    return ipc_call_receive(&(struct ipc){.portal = session,
                                          .opcode = PLATFORM_BAR,
                                          .in = &in,
                                          .in_size = sizeof(in),
                                          .out = out,
                                          .out_size = sizeof(*out)},
                            dataspace);
}

enum status platform_interrupt(uint32_t session, uint32_t index, uint32_t notification,
                               struct platform_interrupt *out, uint32_t *interrupt)
{
    struct platform_index in = {.index = index};

    return ipc_call_receive(&(struct ipc){.portal = session,
                                          .opcode = PLATFORM_INTERRUPT,
                                          .in = &in,
                                          .in_size = sizeof(in),
                                          .send = {notification},
                                          .send_rights = {RIGHT_NOTIFICATION_SIGNAL},
                                          .send_count = 1,
                                          .out = out,
                                          .out_size = sizeof(*out)},
                            interrupt);
}

enum status platform_config_read(uint32_t session, uint32_t offset, uint32_t width, uint32_t *value)
{
    struct platform_config in = {.offset = offset, .width = width};
    struct platform_value out = {0};
    enum status status = ipc_call(&(struct ipc){.portal = session,
                                                .opcode = PLATFORM_CONFIG_READ,
                                                .in = &in,
                                                .in_size = sizeof(in),
                                                .out = &out,
                                                .out_size = sizeof(out)});

    if (status == OK)
        *value = (uint32_t)out.value;
    return status;
}

enum status platform_bus_master(uint32_t session, bool on)
{
    struct platform_value in = {.value = on};

    return ipc_call(
        &(struct ipc){.portal = session, .opcode = PLATFORM_BUS_MASTER, .in = &in, .in_size = sizeof(in)});
}

enum status platform_reset(uint32_t session)
{
    return ipc_call(&(struct ipc){.portal = session, .opcode = PLATFORM_RESET});
}

enum status platform_dma_map(uint32_t session, const struct platform_dma_map *in, uint32_t dataspace,
                             struct platform_dma_mapping *out)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = PLATFORM_DMA_MAP,
                                  .in = in,
                                  .in_size = sizeof(*in),
                                  .send = {dataspace},
                                  .send_count = 1,
                                  .out = out,
                                  .out_size = sizeof(*out)});
}

enum status platform_dma_run(uint32_t session, const struct platform_dma_at *in, struct platform_dma_run *out)
{
    return ipc_call(&(struct ipc){.portal = session,
                                  .opcode = PLATFORM_DMA_RUN,
                                  .in = in,
                                  .in_size = sizeof(*in),
                                  .out = out,
                                  .out_size = sizeof(*out)});
}

enum status platform_dma_unmap(uint32_t session, uint32_t id)
{
    struct platform_dma_id in = {.id = id};

    return ipc_call(
        &(struct ipc){.portal = session, .opcode = PLATFORM_DMA_UNMAP, .in = &in, .in_size = sizeof(in)});
}
