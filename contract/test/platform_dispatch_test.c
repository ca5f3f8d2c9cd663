/* SPDX-License-Identifier: MIT */
/*
 * Dispatch of PLATFORM: every opcode with good and malformed messages.
 */
#include "contract/platform/dispatch.h"

#include "contract/test/message.h"

static enum status on_device(void *session, struct platform_device *out)
{
    out->vendor = 0x8086;
    return CALLED(session);
}

static enum status on_bar(void *session, unsigned index, struct platform_bar_range *out,
                          struct message_cap *dataspace)
{
    CHECK(index < PLATFORM_BARS);
    out->size = 4096;
    *dataspace = (struct message_cap){61, RIGHT_PORTAL_CALL};
    return CALLED(session);
}

static enum status on_interrupt(void *session, uint32_t index, uint32_t notification,
                                struct platform_interrupt *out, struct message_cap *interrupt)
{
    (void)index;
    (void)out;
    CHECK_EQ(notification, 100);
    *interrupt = (struct message_cap){62, RIGHT_INTERRUPT_ACK};
    return CALLED(session);
}

static enum status on_config_read(void *session, unsigned offset, unsigned width, uint64_t *value)
{
    CHECK(offset % width == 0 && offset + width <= PLATFORM_CONFIG_SIZE);
    *value = 7;
    return CALLED(session);
}

static enum status on_bus_master(void *session, bool on)
{
    (void)on;
    return CALLED(session);
}

static enum status on_reset(void *session)
{
    return CALLED(session);
}

static enum status on_dma_map(void *session, const struct platform_dma_map *in, uint32_t dataspace,
                              struct platform_dma_mapping *out)
{
    CHECK(in->size != 0);
    CHECK_EQ(dataspace, 100);
    out->id = 9;
    return CALLED(session);
}

static enum status on_dma_run(void *session, const struct platform_dma_at *in, struct platform_dma_run *out)
{
    CHECK_EQ(in->offset % 4096, 0);
    out->size = 4096;
    return CALLED(session);
}

static enum status on_dma_unmap(void *session, uint32_t id)
{
    (void)id;
    return CALLED(session);
}

static enum status serve(struct calls *calls, struct dispatch *d)
{
    static const struct platform_handlers handlers = {
        .device = on_device,
        .bar = on_bar,
        .interrupt = on_interrupt,
        .config_read = on_config_read,
        .bus_master = on_bus_master,
        .reset = on_reset,
        .dma_map = on_dma_map,
        .dma_run = on_dma_run,
        .dma_unmap = on_dma_unmap,
    };

    return platform_dispatch(&handlers, calls, d);
}

static void test_registers(void)
{
    struct platform_index index = {.index = 5};
    struct platform_config config = {.offset = 4092, .width = 4};

    CASE("platform: device, registers, configuration space");
    unknown_opcodes_check(serve, PLATFORM_OPCODE_COUNT);
    good_request_check(
        serve, &(struct good_request){PLATFORM_DEVICE, NULL, 0, 0, sizeof(struct platform_device), 0});
    good_request_check(serve, &(struct good_request){PLATFORM_BAR, &index, sizeof(index), 0, 16, 1});
    good_request_check(serve, &(struct good_request){PLATFORM_CONFIG_READ, &config, sizeof(config), 0, 8, 0});

    CASE("platform: indices, offsets and widths that do not exist");
    index.index = 6;
    REFUSED(serve, PLATFORM_BAR, index, 0, ERR_RANGE);
    index = (struct platform_index){.reserved = 1};
    REFUSED(serve, PLATFORM_BAR, index, 0, ERR_INVALID);
    config = (struct platform_config){.offset = 4096, .width = 1};
    REFUSED(serve, PLATFORM_CONFIG_READ, config, 0, ERR_RANGE);
    config = (struct platform_config){.offset = UINT32_MAX - 3, .width = 4};
    REFUSED(serve, PLATFORM_CONFIG_READ, config, 0, ERR_RANGE);
    config = (struct platform_config){.offset = 2, .width = 4};
    REFUSED(serve, PLATFORM_CONFIG_READ, config, 0, ERR_INVALID);
    for (uint32_t width = 0; width < 10; width++) {
        config = (struct platform_config){.width = width};
        if (width != 1 && width != 2 && width != 4)
            REFUSED(serve, PLATFORM_CONFIG_READ, config, 0, ERR_INVALID);
    }
}

static void test_control(void)
{
    struct platform_index index = {.index = UINT32_MAX};
    struct platform_value value = {.value = 1};

    CASE("platform: interrupts, bus mastering, reset");
    good_request_check(serve, &(struct good_request){PLATFORM_INTERRUPT, &index, sizeof(index), 1, 8, 1});
    good_request_check(serve, &(struct good_request){PLATFORM_BUS_MASTER, &value, sizeof(value), 0, 0, 0});
    good_request_check(serve, &(struct good_request){PLATFORM_RESET, NULL, 0, 0, 0, 0});
    value.value = 2;
    REFUSED(serve, PLATFORM_BUS_MASTER, value, 0, ERR_INVALID);
    index.reserved = 1;
    REFUSED(serve, PLATFORM_INTERRUPT, index, 1, ERR_INVALID);
}

static void test_dma(void)
{
    struct platform_dma_map map = {.offset = 4096, .size = 8192, .write = 1};
    struct platform_dma_at at = {.offset = 4096, .id = 3};
    struct platform_dma_id id = {.id = 3};

    CASE("platform: mappings");
    good_request_check(serve, &(struct good_request){PLATFORM_DMA_MAP, &map, sizeof(map), 1, 8, 0});
    good_request_check(serve, &(struct good_request){PLATFORM_DMA_RUN, &at, sizeof(at), 0, 16, 0});
    good_request_check(serve, &(struct good_request){PLATFORM_DMA_UNMAP, &id, sizeof(id), 0, 0, 0});

    CASE("platform: mappings of nothing, of half pages, that wrap");
    map.size = 0;
    REFUSED(serve, PLATFORM_DMA_MAP, map, 1, ERR_RANGE);
    map = (struct platform_dma_map){.offset = 1, .size = 4096};
    REFUSED(serve, PLATFORM_DMA_MAP, map, 1, ERR_RANGE);
    map = (struct platform_dma_map){.offset = -8192ull, .size = 16384};
    REFUSED(serve, PLATFORM_DMA_MAP, map, 1, ERR_RANGE);
    map = (struct platform_dma_map){.size = 4096, .write = 2};
    REFUSED(serve, PLATFORM_DMA_MAP, map, 1, ERR_INVALID);
    map = (struct platform_dma_map){.size = 4096, .reserved = 1};
    REFUSED(serve, PLATFORM_DMA_MAP, map, 1, ERR_INVALID);
    at.offset = 8;
    REFUSED(serve, PLATFORM_DMA_RUN, at, 0, ERR_RANGE);
    at = (struct platform_dma_at){.reserved = 1};
    REFUSED(serve, PLATFORM_DMA_RUN, at, 0, ERR_INVALID);
    id.reserved = 1;
    REFUSED(serve, PLATFORM_DMA_UNMAP, id, 0, ERR_INVALID);
}

int main(void)
{
    test_registers();
    test_control();
    test_dma();
    return check_finish();
}
