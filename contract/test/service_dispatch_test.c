/* SPDX-License-Identifier: MIT */
/*
 * Dispatch of the small services: every opcode with good and malformed messages.
 */
#include "contract/block/dispatch.h"
#include "contract/dma/dispatch.h"
#include "contract/io_mem/dispatch.h"
#include "contract/io_port/dispatch.h"
#include "contract/irq/dispatch.h"
#include "contract/log/dispatch.h"
#include "contract/report/dispatch.h"
#include "contract/rom/dispatch.h"
#include "contract/terminal/dispatch.h"
#include "contract/timer/dispatch.h"
#include "contract/vm/dispatch.h"

#include "contract/test/message.h"

/* ---- handlers that count ---- */

static char log_seen[LOG_TEXT_MAX];
static size_t log_seen_length;

static enum status on_log_write(void *session, const char *text, size_t length)
{
    memcpy(log_seen, text, length);
    log_seen_length = length;
    return CALLED(session);
}

static enum status on_dataspace(void *session, struct rom_dataspace *out, struct message_cap *dataspace)
{
    *out = (struct rom_dataspace){4097, 3};
    *dataspace = (struct message_cap){55, RIGHT_PORTAL_CALL};
    return CALLED(session);
}

static enum status on_notification(void *session, uint32_t notification)
{
    CHECK_EQ(notification, 100);
    return CALLED(session);
}

static enum status on_now(void *session, struct timer_now *out)
{
    out->ns = 12;
    return CALLED(session);
}

static enum status on_one_shot(void *session, const struct timer_one_shot *in)
{
    (void)in;
    return CALLED(session);
}

static enum status on_periodic(void *session, const struct timer_periodic *in)
{
    CHECK(in->period_ns >= TIMER_PERIOD_MIN_NS);
    return CALLED(session);
}

static enum status on_cancel(void *session)
{
    return CALLED(session);
}

static enum status on_connect(void *session, const struct terminal_connect *in, uint32_t dataspace,
                              uint32_t notification, struct message_cap *server_notification)
{
    CHECK(in->output_size && in->input_size);
    CHECK_EQ(dataspace, 100);
    CHECK_EQ(notification, 101);
    *server_notification = (struct message_cap){56, RIGHT_NOTIFICATION_SIGNAL};
    return CALLED(session);
}

static enum status on_size(void *session, struct terminal_size *out)
{
    *out = (struct terminal_size){80, 25};
    return CALLED(session);
}

static enum status on_io_mem(void *session, struct io_mem_range *out, struct message_cap *dataspace)
{
    (void)out;
    *dataspace = (struct message_cap){57, RIGHT_PORTAL_CALL};
    return CALLED(session);
}

static enum status on_io_port(void *session, uint32_t pd_session, struct io_port_range *out)
{
    CHECK_EQ(pd_session, 100);
    (void)out;
    return CALLED(session);
}

static enum status on_irq(void *session, uint32_t notification, struct irq_line *out,
                          struct message_cap *interrupt)
{
    CHECK_EQ(notification, 100);
    (void)out;
    *interrupt = (struct message_cap){58, RIGHT_INTERRUPT_ACK};
    return CALLED(session);
}

static enum status on_msi(void *session, struct irq_msi *out)
{
    out->address = 0xfee00000;
    return CALLED(session);
}

static enum status on_unit_add(void *session, const struct dma_unit *in)
{
    CHECK(in->registers && in->registers % 4096 == 0 && in->all <= 1 && in->segment <= UINT16_MAX);
    return CALLED(session);
}

static enum status on_dma_attach(void *session, const struct dma_device *in, struct dma_protection *out)
{
    CHECK_EQ((in->config | in->unit) % 4096, 0);
    out->iommu = 1;
    return CALLED(session);
}

static enum status on_dma_detach(void *session, const struct dma_device *in)
{
    CHECK_EQ((in->config | in->unit) % 4096, 0);
    return CALLED(session);
}

static enum status on_dma_map(void *session, const struct dma_map *in, uint32_t dataspace,
                              struct dma_mapping *out)
{
    CHECK(in->size && in->offset <= UINT64_MAX - in->size && in->write <= 1);
    CHECK_EQ((in->offset | in->size) % 4096, 0);
    CHECK_EQ(dataspace, 100);
    *out = (struct dma_mapping){1, 1};
    return CALLED(session);
}

static enum status on_dma_run(void *session, const struct dma_at *in, struct dma_run *out)
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

static enum status on_dma_fault(void *session, struct dma_fault *out)
{
    out->device = 1;
    return CALLED(session);
}

static enum status on_dma_interrupts(void *session, const struct dma_interrupts *in)
{
    CHECK(in->unit % 4096 == 0 && in->has_ioapic <= 1);
    return CALLED(session);
}

static enum status on_vm_attach(void *session, const struct vm_attach *in, uint32_t dataspace)
{
    CHECK(in->size != 0);
    CHECK_EQ(dataspace, 100);
    return CALLED(session);
}

static enum status on_vm_detach(void *session, const struct vm_range *in)
{
    CHECK(in->size != 0);
    return CALLED(session);
}

static enum status on_vcpu_create(void *session, const struct vm_vcpu_create *in, struct message_cap *vcpu)
{
    CHECK(in->priority <= 127);
    *vcpu = (struct message_cap){59, RIGHT_EC_CONTROL};
    return CALLED(session);
}

static enum status on_report_connect(void *session, uint64_t size, uint32_t dataspace)
{
    CHECK(size != 0 && size <= REPORT_SIZE_MAX);
    CHECK_EQ(dataspace, 100);
    return CALLED(session);
}

static enum status on_report_submit(void *session, uint64_t length)
{
    CHECK(length <= REPORT_SIZE_MAX);
    return CALLED(session);
}

static enum status on_block_info(void *session, struct block_info *out)
{
    *out = (struct block_info){.size = 4096, .block_size = 512};
    return CALLED(session);
}

static enum status on_block_connect(void *session, const struct block_connect *in, uint32_t dataspace,
                                    uint32_t notification, struct message_cap *server_notification)
{
    CHECK(in->depth && in->segments);
    CHECK_EQ(dataspace, 100);
    CHECK_EQ(notification, 101);
    *server_notification = (struct message_cap){60, RIGHT_NOTIFICATION_SIGNAL};
    return CALLED(session);
}

static enum status on_region_add(void *session, const struct block_region_add *in, uint32_t dataspace,
                                 struct block_region_id *out)
{
    CHECK(in->size != 0 && in->write <= 1);
    CHECK_EQ(dataspace, 100);
    out->region = 3;
    return CALLED(session);
}

static enum status on_region_remove(void *session, const struct block_region_id *in)
{
    CHECK(in->region < BLOCK_REGIONS_MAX);
    return CALLED(session);
}

static enum status on_acknowledge(void *session, const struct block_verifier *in)
{
    CHECK_EQ(in->verifier, 77);
    return CALLED(session);
}

#define DISPATCH(service, ...)                                                  \
    static enum status serve_##service(struct calls *calls, struct dispatch *d) \
    {                                                                           \
        static const struct service##_handlers handlers = {__VA_ARGS__};        \
        return service##_dispatch(&handlers, calls, d);                         \
    }

DISPATCH(log, .write = on_log_write)
DISPATCH(rom, .dataspace = on_dataspace, .set_notification = on_notification)
DISPATCH(timer, .now = on_now, .set_notification = on_notification, .one_shot = on_one_shot,
         .periodic = on_periodic, .cancel = on_cancel)
DISPATCH(report, .connect = on_report_connect, .submit = on_report_submit)
DISPATCH(terminal, .connect = on_connect, .size = on_size)
DISPATCH(block, .info = on_block_info, .connect = on_block_connect, .region_add = on_region_add,
         .region_remove = on_region_remove, .acknowledge = on_acknowledge)
DISPATCH(io_mem, .dataspace = on_io_mem)
DISPATCH(io_port, .enable = on_io_port)
DISPATCH(irq, .bind = on_irq, .msi = on_msi)
DISPATCH(dma, .unit_add = on_unit_add, .device_attach = on_dma_attach, .device_detach = on_dma_detach,
         .map = on_dma_map, .run = on_dma_run, .unmap = on_dma_unmap, .fault = on_dma_fault,
         .fault_notify = on_notification, .interrupts = on_dma_interrupts)
DISPATCH(vm, .attach = on_vm_attach, .detach = on_vm_detach, .vcpu_create = on_vcpu_create)

/* ---- the cases ---- */

static void test_log(void)
{
    struct log_write in = {.length = 5, .text = "hello"};
    struct exchange exchange = {.calls.answer = OK};

    CASE("log: text of every length up to the largest");
    unknown_opcodes_check(serve_log, LOG_OPCODE_COUNT);
    good_request_check(serve_log, &(struct good_request){LOG_WRITE, &in, 16, 0, 0, 0});
    CHECK_EQ(log_seen_length, 5);
    CHECK_MEM(log_seen, "hello", 5);
    for (uint32_t length = 1; length <= LOG_TEXT_MAX; length++) {
        in.length = length;
        CHECK_EQ(exchange_run(&exchange, serve_log, LOG_WRITE, &in, 8 + length, 0), OK);
        CHECK_EQ(log_seen_length, length);
    }

    CASE("log: a length that the message does not have");
    for (uint32_t length = 0; length <= 2000; length++) {
        in.length = length;
        if (length == 0 || length > 8)
            CHECK_EQ(exchange_run(&exchange, serve_log, LOG_WRITE, &in, 16, 0), ERR_INVALID);
    }
    in.length = UINT32_MAX;
    REFUSED(serve_log, LOG_WRITE, in, 0, ERR_INVALID);
    in.length = LOG_TEXT_MAX;
    in.reserved = 1;
    REFUSED(serve_log, LOG_WRITE, in, 0, ERR_INVALID);
}

static void test_rom(void)
{
    CASE("rom");
    unknown_opcodes_check(serve_rom, ROM_OPCODE_COUNT);
    good_request_check(serve_rom, &(struct good_request){ROM_DATASPACE, NULL, 0, 0, 16, 1});
    good_request_check(serve_rom, &(struct good_request){ROM_SET_NOTIFICATION, NULL, 0, 1, 0, 0});

    struct exchange exchange = {.calls.answer = OK};

    CASE("a reply carries the handler's structure and capability");
    (void)exchange_run(&exchange, serve_rom, ROM_DATASPACE, NULL, 0, 0);
    CHECK_EQ(exchange.area.words[0], 4097);
    CHECK_EQ(exchange.area.send[0].slot, 55);
    CHECK_EQ(exchange.area.send[0].rights, RIGHT_PORTAL_CALL);
}

static void test_report(void)
{
    struct report_connect connect = {REPORT_SIZE_MAX};
    struct report_submit submit = {0};

    CASE("report: sizes");
    unknown_opcodes_check(serve_report, REPORT_OPCODE_COUNT);
    good_request_check(serve_report, &(struct good_request){REPORT_CONNECT, &connect, 8, 1, 0, 0});
    good_request_check(serve_report, &(struct good_request){REPORT_SUBMIT, &submit, 8, 0, 0, 0});
    connect.size = 0;
    REFUSED(serve_report, REPORT_CONNECT, connect, 1, ERR_RANGE);
    connect.size = REPORT_SIZE_MAX + 1;
    REFUSED(serve_report, REPORT_CONNECT, connect, 1, ERR_RANGE);
    submit.length = REPORT_SIZE_MAX + 1;
    REFUSED(serve_report, REPORT_SUBMIT, submit, 0, ERR_RANGE);
    submit.length = UINT64_MAX;
    REFUSED(serve_report, REPORT_SUBMIT, submit, 0, ERR_RANGE);
}

static void test_timer(void)
{
    struct timer_one_shot one_shot = {5};
    struct timer_periodic periodic = {5, TIMER_PERIOD_MIN_NS};

    CASE("timer");
    unknown_opcodes_check(serve_timer, TIMER_OPCODE_COUNT);
    good_request_check(serve_timer, &(struct good_request){TIMER_NOW, NULL, 0, 0, 8, 0});
    good_request_check(serve_timer, &(struct good_request){TIMER_SET_NOTIFICATION, NULL, 0, 1, 0, 0});
    good_request_check(serve_timer, &(struct good_request){TIMER_ONE_SHOT, &one_shot, 8, 0, 0, 0});
    good_request_check(serve_timer, &(struct good_request){TIMER_PERIODIC, &periodic, 16, 0, 0, 0});
    good_request_check(serve_timer, &(struct good_request){TIMER_CANCEL, NULL, 0, 0, 0, 0});
    periodic.period_ns = 0;
    REFUSED(serve_timer, TIMER_PERIODIC, periodic, 0, ERR_RANGE);
    periodic.period_ns = TIMER_PERIOD_MIN_NS - 1;
    REFUSED(serve_timer, TIMER_PERIODIC, periodic, 0, ERR_RANGE);
}

#define TERMINAL_GOOD                                                                      \
    {                                                                                      \
        .output_offset = 0, .output_size = 1024, .input_offset = 1024, .input_size = 1024, \
        .output_elements = 512, .input_elements = 512                                      \
    }
#define TERMINAL_BAD(field, value)                                     \
    do {                                                               \
        struct terminal_connect bad_ = TERMINAL_GOOD;                  \
        bad_.field = (value);                                          \
        REFUSED(serve_terminal, TERMINAL_CONNECT, bad_, 2, ERR_RANGE); \
    } while (0)

static void test_terminal(void)
{
    struct terminal_connect in = TERMINAL_GOOD;

    CASE("terminal");
    unknown_opcodes_check(serve_terminal, TERMINAL_OPCODE_COUNT);
    good_request_check(serve_terminal, &(struct good_request){TERMINAL_CONNECT, &in, 24, 2, 0, 1});
    good_request_check(serve_terminal, &(struct good_request){TERMINAL_SIZE, NULL, 0, 0, 8, 0});

    CASE("terminal: rings that overlap, leave the memory, or cannot be");
    TERMINAL_BAD(output_offset, 1024);
    TERMINAL_BAD(output_offset, 512);
    TERMINAL_BAD(output_offset, 32);
    TERMINAL_BAD(input_offset, 960);
    TERMINAL_BAD(input_offset, TERMINAL_MEMORY_MAX);
    TERMINAL_BAD(input_offset, UINT32_MAX - 63);
    TERMINAL_BAD(input_size, UINT32_MAX);
    TERMINAL_BAD(input_size, 0);
    TERMINAL_BAD(output_size, 1025);
    TERMINAL_BAD(output_elements, 500);
    TERMINAL_BAD(output_elements, 0);
    TERMINAL_BAD(input_elements, 2048);
}

static void test_devices(void)
{
    CASE("io_mem, io_port, irq");
    unknown_opcodes_check(serve_io_mem, IO_MEM_OPCODE_COUNT);
    unknown_opcodes_check(serve_io_port, IO_PORT_OPCODE_COUNT);
    unknown_opcodes_check(serve_irq, IRQ_OPCODE_COUNT);
    good_request_check(serve_io_mem, &(struct good_request){IO_MEM_DATASPACE, NULL, 0, 0, 24, 1});
    good_request_check(serve_io_port, &(struct good_request){IO_PORT_ENABLE, NULL, 0, 1, 8, 0});
    good_request_check(serve_irq, &(struct good_request){IRQ_BIND, NULL, 0, 1, 8, 1});
    good_request_check(serve_irq, &(struct good_request){IRQ_MSI, NULL, 0, 0, 16, 0});
}

static void test_dma(void)
{
    struct dma_unit unit = {.registers = 0xfed90000, .all = 1};
    struct dma_device device = {.config = 0xb0018000, .unit = 0xfed90000, .address = 0x18};
    struct dma_map map = {.offset = 4096, .size = 8192, .write = 1};
    struct dma_at at = {.offset = 4096, .id = 1};
    struct dma_id id = {.id = 1};
    struct dma_interrupts interrupts = {.unit = 0xfed90000, .has_ioapic = 1, .source = 0xff00};

    CASE("dma");
    unknown_opcodes_check(serve_dma, DMA_OPCODE_COUNT);
    good_request_check(serve_dma, &(struct good_request){DMA_UNIT_ADD, &unit, sizeof(unit), 0, 0, 0});
    good_request_check(serve_dma,
                       &(struct good_request){DMA_DEVICE_ATTACH, &device, sizeof(device), 0, 8, 0});
    good_request_check(serve_dma,
                       &(struct good_request){DMA_DEVICE_DETACH, &device, sizeof(device), 0, 0, 0});
    good_request_check(serve_dma, &(struct good_request){DMA_MAP, &map, sizeof(map), 1, 8, 0});
    good_request_check(serve_dma, &(struct good_request){DMA_RUN, &at, sizeof(at), 0, 16, 0});
    good_request_check(serve_dma, &(struct good_request){DMA_UNMAP, &id, sizeof(id), 0, 0, 0});
    good_request_check(serve_dma, &(struct good_request){DMA_FAULT, NULL, 0, 0, 16, 0});
    good_request_check(serve_dma, &(struct good_request){DMA_FAULT_NOTIFY, NULL, 0, 1, 0, 0});
    good_request_check(serve_dma,
                       &(struct good_request){DMA_INTERRUPTS, &interrupts, sizeof(interrupts), 0, 0, 0});
}

#define DMA_BAD(opcode, good, caps, field, value)            \
    do {                                                     \
        typeof(good) bad_ = good;                            \
        bad_.field = (value);                                \
        REFUSED(serve_dma, opcode, bad_, caps, ERR_INVALID); \
    } while (0)

static void test_dma_values(void)
{
    struct dma_unit unit = {.registers = 0xfed90000};
    struct dma_device device = {.unit = 0xfed90000};
    struct dma_map map = {.size = 4096};
    struct dma_at at = {.id = 1};
    struct dma_id id = {.id = 1};
    struct dma_interrupts interrupts = {.unit = 0xfed90000};

    CASE("dma: what is no page, wraps, or is neither 0 nor 1");
    DMA_BAD(DMA_UNIT_ADD, unit, 0, registers, 0);
    DMA_BAD(DMA_UNIT_ADD, unit, 0, registers, 0xfed90008);
    DMA_BAD(DMA_UNIT_ADD, unit, 0, registers, UINT64_MAX & ~4095ull);
    DMA_BAD(DMA_UNIT_ADD, unit, 0, segment, 65536);
    DMA_BAD(DMA_UNIT_ADD, unit, 0, all, 2);
    DMA_BAD(DMA_DEVICE_ATTACH, device, 0, config, 4);
    DMA_BAD(DMA_DEVICE_ATTACH, device, 0, unit, 0xfed90001);
    DMA_BAD(DMA_DEVICE_ATTACH, device, 0, reserved, 1);
    DMA_BAD(DMA_DEVICE_DETACH, device, 0, reserved, 1);
    DMA_BAD(DMA_MAP, map, 1, size, 0);
    DMA_BAD(DMA_MAP, map, 1, size, 4095);
    DMA_BAD(DMA_MAP, map, 1, offset, 1);
    DMA_BAD(DMA_MAP, map, 1, offset, UINT64_MAX & ~4095ull);
    DMA_BAD(DMA_MAP, map, 1, write, 2);
    DMA_BAD(DMA_MAP, map, 1, reserved, 1);
    DMA_BAD(DMA_RUN, at, 0, offset, 8);
    DMA_BAD(DMA_RUN, at, 0, reserved, 1);
    DMA_BAD(DMA_UNMAP, id, 0, reserved, 1);
    DMA_BAD(DMA_INTERRUPTS, interrupts, 0, unit, 1);
    DMA_BAD(DMA_INTERRUPTS, interrupts, 0, has_ioapic, 2);
    DMA_BAD(DMA_INTERRUPTS, interrupts, 0, reserved, 1);
}

#define VM_BAD(field, value)                                 \
    do {                                                     \
        struct vm_attach bad_ = {.size = 4096, .rights = 3}; \
        bad_.field = (value);                                \
        REFUSED(serve_vm, VM_ATTACH, bad_, 1, ERR_INVALID);  \
    } while (0)

static void test_vm(void)
{
    struct vm_attach attach = {.size = 4096, .rights = 7};
    struct vm_range range = {4096, 4096};
    struct vm_vcpu_create create = {.priority = 1};

    CASE("vm");
    unknown_opcodes_check(serve_vm, VM_OPCODE_COUNT);
    good_request_check(serve_vm, &(struct good_request){VM_ATTACH, &attach, sizeof(attach), 1, 0, 0});
    good_request_check(serve_vm, &(struct good_request){VM_DETACH, &range, sizeof(range), 0, 0, 0});
    good_request_check(serve_vm, &(struct good_request){VM_VCPU_CREATE, &create, sizeof(create), 0, 0, 1});

    CASE("vm: ranges that wrap or are no pages, unknown rights");
    VM_BAD(size, 0);
    VM_BAD(size, 4095);
    VM_BAD(size, UINT64_MAX);
    VM_BAD(offset, 1);
    VM_BAD(offset, UINT64_MAX & ~4095ull);
    VM_BAD(guest_physical, UINT64_MAX & ~4095ull);
    VM_BAD(guest_physical, 8);
    VM_BAD(rights, 8);
    VM_BAD(reserved, 1);
    range.guest_physical = UINT64_MAX & ~4095ull;
    REFUSED(serve_vm, VM_DETACH, range, 0, ERR_INVALID);
    create.priority = 128;
    REFUSED(serve_vm, VM_VCPU_CREATE, create, 0, ERR_INVALID);
}

/* The parts of a queue of 8 tags and 8 segments: 640 + 384 + 128 bytes behind the state's 64. */
#define BLOCK_GOOD                                                                    \
    {                                                                                 \
        .depth = 8, .segments = 8, .submission_offset = 64, .completion_offset = 704, \
        .segment_offset = 1088, .size = 1216                                          \
    }
#define BLOCK_BAD(field, value)                                  \
    do {                                                         \
        struct block_connect bad_ = BLOCK_GOOD;                  \
        bad_.field = (value);                                    \
        REFUSED(serve_block, BLOCK_CONNECT, bad_, 2, ERR_RANGE); \
    } while (0)

static void test_block_connect(void)
{
    struct block_connect in = BLOCK_GOOD;

    CASE("block: a queue whose parts lie side by side");
    good_request_check(serve_block, &(struct good_request){BLOCK_CONNECT, &in, sizeof(in), 2, 0, 1});
    CASE("block: a queue whose parts overlap, leave the memory, or cannot be");
    BLOCK_BAD(depth, 0);
    BLOCK_BAD(depth, 7);
    BLOCK_BAD(depth, 16);
    BLOCK_BAD(depth, BLOCK_DEPTH_MAX * 2);
    BLOCK_BAD(depth, 0x80000000);
    BLOCK_BAD(segments, 0);
    BLOCK_BAD(segments, 9);
    BLOCK_BAD(segments, BLOCK_SEGMENTS_MAX + 1);
    BLOCK_BAD(segments, UINT32_MAX);
    BLOCK_BAD(submission_offset, 0);
    BLOCK_BAD(submission_offset, 72);
    BLOCK_BAD(submission_offset, 128);
    BLOCK_BAD(submission_offset, UINT32_MAX - 63);
    BLOCK_BAD(completion_offset, 640);
    BLOCK_BAD(completion_offset, 768);
    BLOCK_BAD(segment_offset, 0);
    BLOCK_BAD(segment_offset, 1024);
    BLOCK_BAD(segment_offset, 1152);
    BLOCK_BAD(size, 1215);
    BLOCK_BAD(size, 0);
}

static void test_block(void)
{
    struct block_region_add add = {.offset = 4096, .size = 8192, .write = 1};
    struct block_region_id id = {.region = BLOCK_REGIONS_MAX - 1};
    struct block_verifier verifier = {.verifier = 77};

    CASE("block");
    unknown_opcodes_check(serve_block, BLOCK_OPCODE_COUNT);
    good_request_check(serve_block,
                       &(struct good_request){BLOCK_INFO, NULL, 0, 0, sizeof(struct block_info), 0});
    good_request_check(serve_block, &(struct good_request){BLOCK_REGION_ADD, &add, sizeof(add), 1, 8, 0});
    good_request_check(serve_block, &(struct good_request){BLOCK_REGION_REMOVE, &id, sizeof(id), 0, 0, 0});
    good_request_check(serve_block,
                       &(struct good_request){BLOCK_ACKNOWLEDGE, &verifier, sizeof(verifier), 0, 0, 0});

    CASE("block: regions that are no pages or cannot be");
    id.region = BLOCK_REGIONS_MAX;
    REFUSED(serve_block, BLOCK_REGION_REMOVE, id, 0, ERR_NOT_FOUND);
    id = (struct block_region_id){.reserved = 1};
    REFUSED(serve_block, BLOCK_REGION_REMOVE, id, 0, ERR_INVALID);
    add.size = 0;
    REFUSED(serve_block, BLOCK_REGION_ADD, add, 1, ERR_INVALID);
    add.size = 100;
    REFUSED(serve_block, BLOCK_REGION_ADD, add, 1, ERR_INVALID);
    add.size = UINT64_MAX & ~4095ull;
    REFUSED(serve_block, BLOCK_REGION_ADD, add, 1, ERR_INVALID);
    add = (struct block_region_add){.size = 4096, .write = 2};
    REFUSED(serve_block, BLOCK_REGION_ADD, add, 1, ERR_INVALID);
    add = (struct block_region_add){.size = 4096, .reserved = 1};
    REFUSED(serve_block, BLOCK_REGION_ADD, add, 1, ERR_INVALID);
}

int main(void)
{
    test_block();
    test_block_connect();
    test_log();
    test_rom();
    test_report();
    test_timer();
    test_terminal();
    test_devices();
    test_dma();
    test_dma_values();
    test_vm();
    return check_finish();
}
