/* SPDX-License-Identifier: MIT */
/*
 * The monitor's disk between its device model and a BLOCK client that this test plays: what becomes of a request, of a result,
 * of a loss, of a change of the disk, and who holds the lock when.
 */
#include "vmm/disk.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/base/log.h"
#include "vmm/device/test/virtio_guest.h"

#define USUAL (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_FLUSH)

static struct disk disk;
static struct config_disk config;
static struct guest_ram ram;
static struct entrypoint entrypoint;
static struct disk_machine machine;

/* ---- the client ---- */

static struct block_info info;
static struct block_client_options options; /* as given */
static enum status open_status;
static struct block_request *request[VIRTIO_BLK_REQUESTS];
static unsigned requests, kicks, acknowledges, lock_depth, entries;
static bool lost;
static uint64_t losses;
static char message[512];

enum status block_client_open(struct block_client *client, const struct block_client_options *with)
{
    (void)client;
    options = *with;
    return open_status;
}

enum status block_client_region_add(struct block_client *client, uint32_t dataspace, uint64_t offset,
                                    uint64_t size, bool write, uint32_t *region)
{
    (void)client;
    CHECK(dataspace == 77 && !offset && size == GUEST_RAM && write);
    *region = 5;
    return OK;
}

const struct block_info *block_client_info(const struct block_client *client)
{
    (void)client;
    return &info;
}

bool block_client_lost(const struct block_client *client)
{
    (void)client;
    return lost;
}

uint64_t block_client_losses(const struct block_client *client)
{
    (void)client;
    return losses;
}

void block_client_submit(struct block_client *client, struct block_request *one)
{
    (void)client;
    CHECK_EQ(lock_depth, 1);
    request[requests++] = one;
}

void block_client_kick(struct block_client *client)
{
    (void)client;
    CHECK_EQ(lock_depth, 0);
    kicks++;
}

void block_client_acknowledge(struct block_client *client)
{
    (void)client;
    CHECK_EQ(lock_depth, 0);
    acknowledges++;
}

static void done(unsigned index, enum status status)
{
    struct block_request *one = request[index];

    request[index] = request[--requests];
    one->status = status;
    one->done(one);
}

/* ---- the rest of the world ---- */

static struct deferred *queued_opt;

void entrypoint_defer(struct entrypoint *on, struct deferred *deferred)
{
    CHECK_EQ(on, &entrypoint);
    CHECK(!queued_opt || queued_opt == deferred);
    queued_opt = deferred;
}

static void run(void)
{
    while (queued_opt) {
        struct deferred *deferred = queued_opt;

        queued_opt = NULL;
        deferred->run(deferred);
    }
}

static void enter(void)
{
    CHECK_EQ(lock_depth++, 0);
    entries++;
}

static void leave(void)
{
    CHECK_EQ(--lock_depth, 0);
}

static void log_line(const char *format, va_list arguments)
{
    vsnprintf(message, sizeof(message), format, arguments);
}

void log_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_line(format, arguments);
    va_end(arguments);
}

void log_info(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_line(format, arguments);
    va_end(arguments);
}

/* RAM is at guest-physical 0 here; the guest's driver uses what lies from GUEST_BASE on. */
static bool build(struct config_disk with)
{
    struct virtio_blk_limits limits = guest_limits();

    guest_build(1, &limits); /* buses, processor, and a disk of its own that nobody uses */
    ram = (struct guest_ram){.low = guest.ram - GUEST_BASE, .low_size = GUEST_RAM};
    disk = (struct disk){0};
    config = with;
    queued_opt = NULL;
    requests = kicks = acknowledges = 0;
    lost = false;
    machine = (struct disk_machine){.bus = &guest.bus,
                                    .apics = &guest.apics,
                                    .ram = &ram,
                                    .ram_dataspace = 77,
                                    .entrypoint = &entrypoint,
                                    .enter = enter,
                                    .leave = leave};
    return disk_open(&disk, &config, &machine);
}

static const struct config_disk usual = {.name = "root", .label = "ahci", .queues = 1};

static void start(uint64_t features)
{
    REQUIRE(pci_bus_assign(&guest.bus) == OK);
    guest.device = 2;
    guest.bar = pci_bus_read(&guest.bus, 2, PCI_BAR0, 4);
    guest.virtio = &disk.blk.virtio;
    guest_start(features);
    run();
}

static void test_open(void)
{
    struct config_disk with = usual;

    CASE("opening: label, arguments, and what is said if it fails");
    info = (struct block_info){.size = DISK_SIZE,
                               .block_size = 512,
                               .physical_block_size = 4096,
                               .transfer_max = 65536,
                               .segments_max = 100,
                               .alignment = 2};
    CHECK(build(with));
    CHECK_STR(options.label_opt, "ahci");
    CHECK(!options.args_opt && !options.bounce_always && options.restart && !options.retain);
    CHECK_EQ(disk.blk.config.seg_max, BLOCK_CLIENT_SEGMENTS);
    CHECK(!(disk.blk.virtio.features & (VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES | VIRTIO_BLK_F_RO)));
    with.read_only = with.bounce = true;
    CHECK(build(with));
    CHECK_STR(options.args_opt, "write=no");
    CHECK(options.bounce_always && options.bounce);
    CHECK(disk.blk.virtio.features & VIRTIO_BLK_F_RO);
    info.flags = BLOCK_READ_ONLY;
    CHECK(build(usual));
    CHECK(disk.blk.virtio.features & VIRTIO_BLK_F_RO);
    info.flags = BLOCK_HAS_DISCARD | BLOCK_HAS_WRITE_ZEROES;
    info.discard_max = info.write_zeroes_max = 65536;
    CHECK(build(usual));
    CHECK(disk.blk.virtio.features & VIRTIO_BLK_F_DISCARD &&
          disk.blk.virtio.features & VIRTIO_BLK_F_WRITE_ZEROES);
    open_status = ERR_DENIED;
    CHECK(!build(usual));
    CHECK(strstr(message, "disk \"root\", label \"ahci\": BLOCK session:"));
    open_status = OK;
}

/* In turn by one request without a header, and by one without a place for the status. */
static void break_by(unsigned which)
{
    struct virtqueue_buffer buffer = {GUEST_BASE, which & 1 ? 8 : 16};

    COMMON_WRITE(device_status, 0);
    run();
    start(USUAL);
    REQUIRE(virtqueue_driver_add(&guest.queue[0], &buffer, 1, 0, guest.ram) == OK);
    (void)virtqueue_driver_publish(&guest.queue[0]);
    guest_notify(0);
    run();
}

static void test_requests(void)
{
    CASE("a request goes to the client, its result to the guest");
    REQUIRE(build(usual));
    start(USUAL);
    (void)guest_request(0, 0, VIRTIO_BLK_T_IN, 8, 4096);
    (void)guest_request(0, 1, VIRTIO_BLK_T_OUT, 16, 512);
    guest_notify(0);
    CHECK_EQ(requests, 0); /* the exit only asks for work */
    run();
    REQUIRE(requests == 2);
    CHECK_EQ(request[0]->operation, BLOCK_READ);
    CHECK_EQ(request[0]->offset, 4096);
    CHECK_EQ(request[0]->length, 4096);
    CHECK_EQ(request[0]->piece_count, 1);
    CHECK_EQ(request[0]->pieces[0].region, 5);
    CHECK_EQ(request[0]->pieces[0].offset, guest_address(guest_data(0)));
    CHECK_EQ(request[1]->operation, BLOCK_WRITE);
    CHECK_EQ(request[1]->flags, 0);
    unsigned before = entries;
    done(1, ERR_RANGE);
    done(0, OK);
    CHECK_EQ(*guest_status(0), 0xee);
    run();
    CHECK_EQ(entries, before + 1); /* one piece of work, one interrupt for both */
    CHECK_EQ(*guest_status(0), VIRTIO_BLK_S_OK);
    CHECK_EQ(*guest_status(1), VIRTIO_BLK_S_IOERR);
    CHECK_EQ(guest_interrupt(), VECTOR_QUEUE);
    CHECK_EQ(guest_interrupt(), -1);
    (void)guest_request(0, 2, VIRTIO_BLK_T_IN, 8, 512);
    guest_notify(0);
    run();
    done(0, ERR_UNSUPPORTED);
    run();
    CHECK_EQ(*guest_status(2), VIRTIO_BLK_S_UNSUPP);

    CASE("without FLUSH a write is durable when it is done");
    COMMON_WRITE(device_status, 0);
    start(VIRTIO_F_VERSION_1);
    (void)guest_request(0, 0, VIRTIO_BLK_T_OUT, 16, 512);
    guest_notify(0);
    run();
    REQUIRE(requests == 1);
    CHECK_EQ(request[0]->flags, BLOCK_FUA);
    done(0, OK);
    run();

    CASE("what the guest breaks is said once");
    struct virtqueue_buffer small = {GUEST_BASE, 8};
    REQUIRE(virtqueue_driver_add(&guest.queue[0], &small, 1, 0, guest.ram) == OK);
    (void)virtqueue_driver_publish(&guest.queue[0]);
    guest_notify(0);
    run();
    CHECK_STR(message, "disk \"root\": the guest has broken its queue: request without a whole header");
    COMMON_WRITE(device_status, 0);
    run();
    guest_enable_interrupts();
    REQUIRE(guest_negotiate(VIRTIO_F_VERSION_1));
    COMMON_WRITE(queue_select, 0);
    common_write(32, 4, GUEST_BASE + 8);
    COMMON_WRITE(queue_enable, 1);
    run();
    CHECK_STR(
        message,
        "disk \"root\": the guest has broken its queue: a queue is misaligned, of a bad size, or not in RAM");

    CASE("a guest cannot fill the log");
    for (unsigned i = 0; i < 1000; i++) {
        *message = '\0';
        break_by(i);
        if (!*message)
            break;
    }
    CHECK_STR(message, "");
}

static void flush(unsigned number, enum status status)
{
    (void)guest_request(0, number, VIRTIO_BLK_T_FLUSH, 0, 0);
    guest_notify(0);
    run();
    REQUIRE(requests == 1);
    CHECK_EQ(request[0]->operation, BLOCK_FLUSH);
    done(0, status);
    run();
}

static void test_loss(void)
{
    CASE("a loss: the flush fails, then the loss is acknowledged");
    REQUIRE(build(usual));
    start(USUAL);
    lost = true;
    options.changed_opt(&disk.client);
    CHECK(strstr(message, "may be lost"));
    CHECK_EQ(acknowledges, 0);
    flush(0, ERR_LOST);
    CHECK_EQ(*guest_status(0), VIRTIO_BLK_S_IOERR);
    CHECK_EQ(acknowledges, 1);
    flush(1, OK);
    CHECK_EQ(*guest_status(1), VIRTIO_BLK_S_OK);
    CHECK_EQ(acknowledges, 1);
    flush(2, ERR_IO);
    CHECK_EQ(*guest_status(2), VIRTIO_BLK_S_IOERR);
    CHECK_EQ(acknowledges, 1);

    CASE("a failed flush that the guest does not see, and one of before the next loss, acknowledge nothing");
    (void)guest_request(0, 3, VIRTIO_BLK_T_FLUSH, 0, 0);
    guest_notify(0);
    run();
    REQUIRE(requests == 1);
    done(0, ERR_LOST);
    losses++;
    run();
    CHECK_EQ(*guest_status(3), VIRTIO_BLK_S_IOERR);
    CHECK_EQ(acknowledges, 1);
    (void)guest_request(0, 4, VIRTIO_BLK_T_FLUSH, 0, 0);
    guest_notify(0);
    run();
    REQUIRE(requests == 1);
    COMMON_WRITE(device_status, 0);
    done(0, ERR_LOST);
    run();
    CHECK_EQ(COMMON_READ(device_status), 0);
    CHECK_EQ(*guest_status(4), 0xee);
    CHECK_EQ(acknowledges, 1);
    start(USUAL);
    flush(0, ERR_LOST);
    CHECK_EQ(acknowledges, 2);

    CASE("a change of the disk is a change of configuration");
    while (guest_interrupt() >= 0)
        ;
    lost = false;
    options.changed_opt(&disk.client);
    CHECK_EQ(guest_interrupt(), -1);
    info.size = 2 * DISK_SIZE;
    options.changed_opt(&disk.client);
    CHECK_EQ(guest_interrupt(), VECTOR_CONFIG);
    CHECK_EQ(common_read(0x2000, 4), 2 * DISK_SIZE / 512);
    info.flags = BLOCK_READ_ONLY;
    options.changed_opt(&disk.client);
    CHECK_STR(message, "disk \"root\": now 2048 KiB, read-only");
    (void)guest_request(0, 0, VIRTIO_BLK_T_OUT, 0, 512);
    guest_notify(0);
    run();
    CHECK_EQ(*guest_status(0), VIRTIO_BLK_S_IOERR);
    info.flags = 0;

    CASE("a reset waits for the client");
    REQUIRE(build(usual));
    start(USUAL);
    (void)guest_request(0, 0, VIRTIO_BLK_T_IN, 0, 512);
    guest_notify(0);
    run();
    COMMON_WRITE(device_status, 0);
    run();
    CHECK_NE(COMMON_READ(device_status), 0);
    done(0, OK);
    run();
    CHECK_EQ(COMMON_READ(device_status), 0);
    CHECK_EQ(*guest_status(0), 0xee);
}

int main(void)
{
    test_open();
    test_requests();
    test_loss();
    free(guest.ram);
    return check_finish();
}
