/* SPDX-License-Identifier: MIT */
/*
 * The virtual disk and its PCI transport, driven as a guest drives them, by registers and by lib/virtio's driver side.
 */
#include "vmm/device/test/virtio_guest.h"

#define USUAL                                                                                \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_FLUSH | \
     VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES)

static void build(unsigned queues)
{
    struct virtio_blk_limits limits = guest_limits();

    guest_build(queues, &limits);
}

/* Offset of the capability for a structure, found as a driver does. */
static unsigned structure(enum virtio_pci_cfg_type type)
{
    for (unsigned at = pci_bus_read(&guest.bus, 1, PCI_CAPABILITIES, 1); at;
         at = pci_bus_read(&guest.bus, 1, at + 1, 1))
        if (pci_bus_read(&guest.bus, 1, at, 1) == VIRTIO_PCI_CAP_VENDOR &&
            pci_bus_read(&guest.bus, 1, at + 3, 1) == type)
            return at;
    return 0;
}

static void test_discovery(void)
{
    CASE("a driver finds the device and its structures");
    build(2);
    CHECK_EQ(pci_bus_read(&guest.bus, 1, PCI_VENDOR, 4), 0x10421af4);
    CHECK_EQ(pci_bus_read(&guest.bus, 1, PCI_REVISION, 4), 0x01800001);
    for (unsigned type = VIRTIO_PCI_CAP_COMMON_CFG; type <= VIRTIO_PCI_CAP_PCI_CFG; type++)
        CHECK(structure(type) != 0);
    unsigned at = structure(VIRTIO_PCI_CAP_NOTIFY_CFG);
    CHECK_EQ(pci_bus_read(&guest.bus, 1, at + 2, 1), 20);
    CHECK_EQ(pci_bus_read(&guest.bus, 1, at + 8, 4), 0x3000);
    CHECK_EQ(pci_bus_read(&guest.bus, 1, at + 12, 4), 8);
    CHECK_EQ(pci_bus_read(&guest.bus, 1, at + 16, 4), 4);
    CHECK_EQ(pci_bus_read(&guest.bus, 1, structure(VIRTIO_PCI_CAP_DEVICE_CFG) + 12, 4), 72);

    CASE("the configuration is the disk's");
    CHECK_EQ(common_read(0x2000, 4), DISK_SIZE / 512);
    CHECK_EQ(common_read(0x2004, 4), 0);
    CHECK_EQ(common_read(0x2008, 4), 65536);
    CHECK_EQ(common_read(0x200c, 4), 30);
    CHECK_EQ(common_read(0x2014, 4), 512);
    CHECK_EQ(common_read(0x2018, 1), 3);
    CHECK_EQ(common_read(0x2022, 2), 2);
    CHECK_EQ(common_read(0x2024, 4), 128);
    CHECK_EQ(common_read(0x2028, 4), 1);
    CHECK_EQ(common_read(0x2048, 4), 0);
    CHECK_EQ(COMMON_READ(num_queues), 2);

    CASE("registers can be reached from configuration space");
    at = structure(VIRTIO_PCI_CAP_PCI_CFG);
    pci_bus_write(&guest.bus, 1, at + 8, 4, 0x2014);
    pci_bus_write(&guest.bus, 1, at + 12, 4, 4);
    CHECK_EQ(pci_bus_read(&guest.bus, 1, at + 16, 4), 512);
    pci_bus_write(&guest.bus, 1, at + 8, 4, 22);
    pci_bus_write(&guest.bus, 1, at + 12, 4, 2);
    pci_bus_write(&guest.bus, 1, at + 16, 2, 1);
    CHECK_EQ(COMMON_READ(queue_select), 1);
    pci_bus_write(&guest.bus, 1, at + 12, 4, 3);
    pci_bus_write(&guest.bus, 1, at + 16, 2, 0);
    pci_bus_write(&guest.bus, 1, at + 12, 4, 2);
    pci_bus_write(&guest.bus, 1, at + 8, 4, 0x8000);
    pci_bus_write(&guest.bus, 1, at + 16, 2, 0);
    pci_bus_write(&guest.bus, 1, at + 8, 4, 23);
    pci_bus_write(&guest.bus, 1, at + 16, 2, 0);
    CHECK_EQ(COMMON_READ(queue_select), 1);
}

static void test_negotiation(void)
{
    CASE("features: what is offered, and what is refused");
    build(1);
    CHECK_EQ(guest_offered() & USUAL, USUAL);
    CHECK(!(guest_offered() & (VIRTIO_BLK_F_RO | VIRTIO_BLK_F_MQ | VIRTIO_F_RING_PACKED)));
    CHECK(!guest_negotiate(USUAL | VIRTIO_F_RING_PACKED));
    COMMON_WRITE(device_status, 15);
    CHECK_EQ(COMMON_READ(device_status), 3);
    COMMON_WRITE(device_status, 0);
    CHECK_EQ(COMMON_READ(device_status), 0);
    CHECK(!guest_negotiate(USUAL & ~VIRTIO_F_VERSION_1));
    COMMON_WRITE(device_status, 0);
    CHECK(guest_negotiate(USUAL));
    COMMON_WRITE(driver_feature, 0);
    CHECK_EQ(COMMON_READ(driver_feature), USUAL >> 32);
    COMMON_WRITE(device_feature_select, 2);
    CHECK_EQ(COMMON_READ(device_feature), 0);

    CASE("queues: what can be set, and when");
    COMMON_WRITE(queue_select, 1);
    CHECK_EQ(COMMON_READ(queue_size), 0);
    COMMON_WRITE(queue_enable, 1);
    COMMON_WRITE(queue_select, 0);
    CHECK_EQ(COMMON_READ(queue_size), VIRTIO_PCI_QUEUE_SIZE);
    COMMON_WRITE(queue_size, 256);
    CHECK_EQ(COMMON_READ(queue_size), VIRTIO_PCI_QUEUE_SIZE);
    COMMON_WRITE(queue_msix_vector, 2);
    CHECK_EQ(COMMON_READ(queue_msix_vector), VIRTIO_MSI_NO_VECTOR);
    COMMON_WRITE(queue_msix_vector, 1);
    CHECK_EQ(COMMON_READ(queue_msix_vector), 1);
    guest_queue_setup(0, 16, true);
    CHECK_EQ(COMMON_READ(queue_enable), 1);
    CHECK_EQ(common_read(32, 4), GUEST_BASE);
    common_write(32, 4, 0);
    COMMON_WRITE(queue_size, 8);
    CHECK_EQ(common_read(32, 4), GUEST_BASE);
    CHECK_EQ(COMMON_READ(queue_size), 16);
    CHECK(!(COMMON_READ(device_status) & VIRTIO_STATUS_NEEDS_RESET));

    CASE("a queue outside RAM, or of an odd size, breaks the device");
    COMMON_WRITE(device_status, 0);
    CHECK_EQ(COMMON_READ(queue_enable), 0);
    CHECK(guest_negotiate(USUAL));
    common_write(32, 8, 0x10);
    COMMON_WRITE(queue_enable, 1);
    CHECK_EQ(COMMON_READ(queue_enable), 0);
    CHECK(COMMON_READ(device_status) & VIRTIO_STATUS_NEEDS_RESET);
    COMMON_WRITE(device_status, 0);
    CHECK(guest_negotiate(USUAL));
    COMMON_WRITE(queue_size, 12);
    COMMON_WRITE(queue_enable, 1);
    CHECK(COMMON_READ(device_status) & VIRTIO_STATUS_NEEDS_RESET);
}

static void test_transfers(void)
{
    uint32_t written = 0;

    CASE("write, read, any order of completion, one interrupt for all");
    build(1);
    guest_start(USUAL);
    memset(guest_data(0), 0xa5, 4096);
    memset(guest_data(1), 0x5a, 512);
    CHECK_EQ(guest.wanted, 1);
    CHECK(guest_request(0, 0, VIRTIO_BLK_T_OUT, 8, 4096));
    guest_notify(0);
    CHECK_EQ(guest.wanted, 2);
    virtio_blk_service(&guest.blk);
    (void)guest_request(0, 1, VIRTIO_BLK_T_OUT, 2047, 512);
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    REQUIRE(guest.submitted_count == 2);
    CHECK(!guest.submitted[0]->durable);
    backend_do(1, VIRTIO_BLK_S_OK);
    backend_do(0, VIRTIO_BLK_S_OK);
    CHECK_EQ(guest_interrupt(), -1);
    virtio_blk_service(&guest.blk);
    CHECK_EQ(guest_interrupt(), VECTOR_QUEUE);
    CHECK_EQ(guest_interrupt(), -1);
    CHECK_EQ(guest_collect(0, &written), 1);
    CHECK_EQ(guest_collect(0, &written), 0);
    CHECK_EQ(written, 1);
    CHECK_EQ(*guest_status(0), VIRTIO_BLK_S_OK);
    CHECK_EQ(guest.disk[4096], 0xa5);
    CHECK_EQ(guest.disk[DISK_SIZE - 1], 0x5a);
    (void)guest_request(0, 2, VIRTIO_BLK_T_IN, 8, 4096);
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    backend_do(0, VIRTIO_BLK_S_OK);
    virtio_blk_service(&guest.blk);
    CHECK_EQ(guest_collect(0, &written), 2);
    CHECK_EQ(written, 4097);
    CHECK_MEM(guest_data(2), guest_data(0), 4096);

    CASE("errors of the backend, and of the guest");
    (void)guest_request(0, 0, VIRTIO_BLK_T_IN, 0, 512);
    (void)guest_request(0, 1, VIRTIO_BLK_T_IN, 2048, 512);
    (void)guest_request(0, 2, VIRTIO_BLK_T_IN, UINT64_MAX, 512);
    (void)guest_request(0, 3, VIRTIO_BLK_T_OUT, 0, 500);
    (void)guest_request(0, 4, VIRTIO_BLK_T_OUT, 0, 0);
    (void)guest_request(0, 5, 77, 0, 512);
    (void)guest_request(0, 6, VIRTIO_BLK_T_SECURE_ERASE, 0, 16);
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    REQUIRE(guest.submitted_count == 1);
    backend_do(0, VIRTIO_BLK_S_IOERR);
    virtio_blk_service(&guest.blk);
    for (unsigned i = 0; i < 7; i++)
        CHECK_EQ(*guest_status(i), i < 5 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_UNSUPP);
    while (guest_collect(0, &written) >= 0)
        CHECK_EQ(written, 1);
    CHECK_EQ(guest.blk.in_flight, 0);
}

static void finish_all(void)
{
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    while (guest.submitted_count)
        backend_do(0, VIRTIO_BLK_S_OK);
    virtio_blk_service(&guest.blk);
    for (uint32_t written; guest_collect(0, &written) >= 0;)
        ;
}

static void put_range(unsigned number, uint64_t sector, uint32_t sectors, uint32_t flags)
{
    struct virtio_blk_discard_write_zeroes range = {sector, sectors, flags};

    memcpy(guest_data(number), &range, sizeof(range));
}

static void test_other_requests(void)
{
    CASE("flush, discard, write zeroes");
    build(1);
    guest_start(USUAL);
    (void)guest_request(0, 0, VIRTIO_BLK_T_FLUSH, 0, 0);
    put_range(1, 16, 8, 0);
    (void)guest_request(0, 1, VIRTIO_BLK_T_DISCARD, 0, 16);
    put_range(2, 16, 8, VIRTIO_BLK_WRITE_ZEROES_UNMAP);
    (void)guest_request(0, 2, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16);
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    REQUIRE(guest.submitted_count == 3);
    CHECK_EQ(guest.submitted[0]->type, VIRTIO_BLK_T_FLUSH);
    CHECK_EQ(guest.submitted[0]->length, 0);
    for (unsigned i = 1; i < 3; i++) {
        CHECK_EQ(guest.submitted[i]->offset, 8192);
        CHECK_EQ(guest.submitted[i]->length, 4096);
        CHECK_EQ(guest.submitted[i]->piece_count, 0);
    }
    finish_all();
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQ(*guest_status(i), VIRTIO_BLK_S_OK);

    CASE("ranges that are refused");
    static const struct virtio_blk_discard_write_zeroes bad[] = {
        {2048, 1, 0}, {2047, 2, 0}, {0, 0, 0}, {0, 129, 0}, {UINT64_MAX, 1, 0}, {0, 1, 1}, {0, 1, 2}};
    for (unsigned i = 0; i < 7; i++) {
        put_range(i, bad[i].sector, bad[i].num_sectors, bad[i].flags);
        (void)guest_request(0, i, VIRTIO_BLK_T_DISCARD, 0, 16);
    }
    (void)guest_request(0, 7, VIRTIO_BLK_T_DISCARD, 0, 32);
    finish_all();
    for (unsigned i = 0; i < 8; i++)
        CHECK_EQ(*guest_status(i), i == 5 || i == 6 ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR);

    CASE("the name");
    memset(guest_data(0), 0xee, 64);
    (void)guest_request(0, 0, VIRTIO_BLK_T_GET_ID, 0, 20);
    (void)guest_request(0, 1, VIRTIO_BLK_T_GET_ID, 0, 3);
    finish_all();
    CHECK_EQ(*guest_status(0), VIRTIO_BLK_S_OK);
    CHECK_STR((const char *)guest_data(0), "root");
    CHECK_EQ(guest_data(0)[19], 0);
    CHECK_EQ(guest_data(0)[20], 0xee);
    CHECK_MEM(guest_data(1), "roo", 3);

    CASE("a driver without FLUSH gets a write-through disk");
    COMMON_WRITE(device_status, 0);
    guest_start(USUAL & ~VIRTIO_BLK_F_FLUSH);
    (void)guest_request(0, 0, VIRTIO_BLK_T_OUT, 0, 512);
    (void)guest_request(0, 1, VIRTIO_BLK_T_IN, 0, 512);
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    REQUIRE(guest.submitted_count == 2);
    CHECK(guest.submitted[0]->durable);
    CHECK(!guest.submitted[1]->durable);
    finish_all();
}

static void test_read_only(void)
{
    struct virtio_blk_limits limits = guest_limits();

    CASE("a read-only disk says so, and refuses");
    limits.read_only = true;
    guest_build(1, &limits);
    CHECK_EQ(guest_offered() & (VIRTIO_BLK_F_RO | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES),
             VIRTIO_BLK_F_RO);
    guest_start(VIRTIO_F_VERSION_1 | VIRTIO_BLK_F_RO);
    put_range(1, 0, 1, 0);
    put_range(2, 0, 1, 0);
    (void)guest_request(0, 0, VIRTIO_BLK_T_OUT, 0, 512);
    (void)guest_request(0, 1, VIRTIO_BLK_T_DISCARD, 0, 16);
    (void)guest_request(0, 2, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16);
    (void)guest_request(0, 3, VIRTIO_BLK_T_IN, 0, 512);
    finish_all();
    for (unsigned i = 0; i < 4; i++)
        CHECK_EQ(*guest_status(i), i < 3 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);

    CASE("a change of size is a change of configuration");
    uint64_t generation = COMMON_READ(config_generation);
    limits.size = 2 * DISK_SIZE;
    virtio_blk_changed(&guest.blk, &limits);
    CHECK_EQ(common_read(0x2000, 4), 2 * DISK_SIZE / 512);
    CHECK_NE(COMMON_READ(config_generation), generation);
    while (guest_interrupt() == VECTOR_QUEUE)
        ;
    virtio_blk_changed(&guest.blk, &limits);
    CHECK_EQ(guest_interrupt(), VECTOR_CONFIG);

    CASE("what was offered as read-only stays so (5.2.6.2)");
    limits.read_only = false;
    virtio_blk_changed(&guest.blk, &limits);
    CHECK(guest_offered() & VIRTIO_BLK_F_RO);
    (void)guest_request(0, 0, VIRTIO_BLK_T_OUT, 0, 512);
    finish_all();
    CHECK_EQ(*guest_status(0), VIRTIO_BLK_S_IOERR);
}

/* The same request, cut in all ways: header and data in pieces of `cut` bytes, data and status together. */
static void test_framing(void)
{
    CASE("how a request is cut into pieces does not matter");
    build(1);
    guest_start(USUAL);
    for (uint32_t cut = 5; cut <= 528; cut += 37) {
        struct virtqueue_buffer buffers[VIRTIO_PCI_QUEUE_SIZE];
        struct virtio_blk_req header = {.type = VIRTIO_BLK_T_OUT, .sector = 3};
        uint8_t *space = guest_header(0);
        unsigned count = 0;

        memcpy(space, &header, sizeof(header));
        for (unsigned i = 0; i < 512; i++)
            space[16 + i] = (uint8_t)(i * cut);
        for (uint32_t at = 0; at < 528; at += cut)
            buffers[count++] =
                (struct virtqueue_buffer){guest_address(space + at), at + cut < 528 ? cut : 528 - at};
        bool fits = count <= VIRTIO_BLK_PIECES_MAX;
        buffers[count] = (struct virtqueue_buffer){guest_address(guest_status(1)), 1};
        if (!fits)
            continue;
        REQUIRE(virtqueue_driver_add(&guest.queue[0], buffers, count, 1, guest.ram) == OK);
        (void)virtqueue_driver_publish(&guest.queue[0]);
        finish_all();
        CHECK_MEM(guest.disk + 3 * 512, space + 16, 512);
    }

    CASE("data and status in one piece");
    struct virtio_blk_req header = {.type = VIRTIO_BLK_T_IN, .sector = 3};
    struct virtqueue_buffer buffers[2] = {{guest_address(guest_header(2)), sizeof(header)},
                                          {guest_address(guest_data(2)), 513}};
    memcpy(guest_header(2), &header, sizeof(header));
    memset(guest_data(2), 0xee, 514);
    REQUIRE(virtqueue_driver_add(&guest.queue[0], buffers, 1, 1, guest.ram) == OK);
    (void)virtqueue_driver_publish(&guest.queue[0]);
    finish_all();
    CHECK_MEM(guest_data(2), guest.disk + 3 * 512, 512);
    CHECK_EQ(guest_data(2)[512], VIRTIO_BLK_S_OK);
    CHECK_EQ(guest_data(2)[513], 0xee);
}

static void test_reset(void)
{
    uint32_t written;

    CASE("a reset waits for what is in flight, and returns nothing of it");
    build(1);
    guest_start(USUAL);
    (void)guest_request(0, 0, VIRTIO_BLK_T_IN, 0, 512);
    (void)guest_request(0, 1, VIRTIO_BLK_T_IN, 0, 512);
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    REQUIRE(guest.submitted_count == 2);
    COMMON_WRITE(device_status, 0);
    CHECK_NE(COMMON_READ(device_status), 0);
    COMMON_WRITE(device_status, 0);
    COMMON_WRITE(device_status, VIRTIO_STATUS_ACKNOWLEDGE);
    backend_do(0, VIRTIO_BLK_S_OK);
    virtio_blk_service(&guest.blk);
    CHECK_NE(COMMON_READ(device_status), 0);
    (void)guest_request(0, 2, VIRTIO_BLK_T_IN, 0, 512);
    guest_notify(0);
    backend_do(0, VIRTIO_BLK_S_OK);
    virtio_blk_service(&guest.blk);
    CHECK_EQ(COMMON_READ(device_status), 0);
    CHECK_EQ(guest.submitted_count, 0);
    CHECK_EQ(*guest_status(0), 0xee);
    CHECK_EQ(*guest_status(1), 0xee);
    CHECK_EQ(guest_collect(0, &written), -1);
    CHECK_EQ(guest_interrupt(), -1);

    CASE("and the device works again");
    guest_start(USUAL);
    (void)guest_request(0, 0, VIRTIO_BLK_T_IN, 0, 512);
    finish_all();
    CHECK_EQ(*guest_status(0), VIRTIO_BLK_S_OK);

    CASE("what no driver does breaks the device until it is reset");
    struct virtqueue_buffer small[2] = {{guest_address(guest_header(0)), 15},
                                        {guest_address(guest_status(0)), 1}};
    while (guest_interrupt() >= 0)
        ;
    *guest_status(0) = 0xee;
    REQUIRE(virtqueue_driver_add(&guest.queue[0], small, 1, 1, guest.ram) == OK);
    (void)virtqueue_driver_publish(&guest.queue[0]);
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    CHECK(COMMON_READ(device_status) & VIRTIO_STATUS_NEEDS_RESET);
    CHECK_STR(guest.blk.virtio.reason_opt, "request without a whole header");
    CHECK_EQ(guest_interrupt(), VECTOR_CONFIG);
    CHECK_EQ(*guest_status(0), 0xee);
    unsigned wanted = guest.wanted;
    guest_notify(0);
    CHECK_EQ(guest.wanted, wanted);
    COMMON_WRITE(device_status, 0);
    guest_start(USUAL);
    small[0].length = 16;
    REQUIRE(virtqueue_driver_add(&guest.queue[0], small, 1, 0, guest.ram) == OK);
    (void)virtqueue_driver_publish(&guest.queue[0]);
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    CHECK_STR(guest.blk.virtio.reason_opt, "request without a place for its status");
    COMMON_WRITE(device_status, 0);
    CHECK_EQ(COMMON_READ(device_status), 0);
}

static void test_many(void)
{
    unsigned back = 0, most = 0;

    CASE("more requests than the device has, on four queues");
    build(4);
    CHECK(guest_offered() & VIRTIO_BLK_F_MQ);
    guest_start(USUAL | VIRTIO_BLK_F_MQ);
    for (unsigned i = 0; i < 160; i++)
        (void)guest_request(i % 4, i, VIRTIO_BLK_T_IN, i, 512);
    for (unsigned i = 0; i < 4; i++)
        guest_notify(i);
    while (guest.wanted) {
        guest.wanted = 0;
        virtio_blk_service(&guest.blk);
        most = guest.submitted_count > most ? guest.submitted_count : most;
        if (!guest.submitted_count)
            break;
        backend_do(guest.submitted_count / 2, VIRTIO_BLK_S_OK);
        guest.wanted = 1;
    }
    CHECK_EQ(most, VIRTIO_BLK_REQUESTS);
    for (unsigned i = 0; i < 4; i++)
        for (uint32_t written; guest_collect(i, &written) >= 0;)
            back++;
    CHECK_EQ(back, 160);
    unsigned vectors = 0;
    for (int vector; (vector = guest_interrupt()) >= 0;)
        vectors |= 1u << (vector - (int)VECTOR_QUEUE);
    CHECK_EQ(vectors, 15);

    CASE("notifications before DRIVER_OK, and without bus mastering, do nothing");
    build(1);
    guest_enable_interrupts();
    CHECK(guest_negotiate(USUAL));
    guest_queue_setup(0, 128, true);
    (void)guest_request(0, 0, VIRTIO_BLK_T_IN, 0, 512);
    guest_notify(0);
    guest_notify(1);
    virtio_blk_service(&guest.blk);
    CHECK_EQ(guest.wanted, 0);
    CHECK_EQ(guest.submitted_count, 0);
    COMMON_WRITE(device_status, 15);
    CHECK_EQ(guest.wanted, 1);
    pci_bus_write(&guest.bus, 1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    CHECK_EQ(guest.wanted, 1);
    CHECK_EQ(guest.submitted_count, 0);
}

static void test_bus_master(void)
{
    uint32_t written;

    CASE("no bus master: what comes back waits, what is notified is seen later");
    build(1);
    guest_start(USUAL);
    (void)guest_request(0, 0, VIRTIO_BLK_T_IN, 0, 512);
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    pci_bus_write(&guest.bus, 1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    backend_do(0, VIRTIO_BLK_S_OK);
    (void)guest_request(0, 1, VIRTIO_BLK_T_IN, 0, 512);
    guest_notify(0);
    virtio_blk_service(&guest.blk);
    CHECK_EQ(*guest_status(0), 0xee);
    CHECK_EQ(guest_collect(0, &written), -1);
    guest.wanted = 0;
    pci_bus_write(&guest.bus, 1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    CHECK_EQ(guest.wanted, 1);
    virtio_blk_service(&guest.blk);
    CHECK_EQ(guest_collect(0, &written), 0);
    CHECK_EQ(guest_interrupt(), VECTOR_QUEUE);
    REQUIRE(guest.submitted_count == 1);

    CASE("no bus master: a reset does not wait for that");
    pci_bus_write(&guest.bus, 1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    backend_do(0, VIRTIO_BLK_S_OK);
    virtio_blk_service(&guest.blk);
    guest.wanted = 0;
    COMMON_WRITE(device_status, 0);
    if (guest.wanted)
        virtio_blk_service(&guest.blk);
    CHECK_EQ(COMMON_READ(device_status), 0);
    CHECK_EQ(*guest_status(1), 0xee);
}

static void test_isr(void)
{
    struct virtio_blk_limits limits = guest_limits();

    CASE("a change of configuration is in the ISR register with MSI-X, too (4.1.4.5.1), a queue's interrupt "
         "is not");
    build(1);
    guest_start(USUAL);
    (void)guest_request(0, 0, VIRTIO_BLK_T_IN, 0, 512);
    finish_all();
    CHECK_EQ(guest_interrupt(), VECTOR_QUEUE);
    CHECK_EQ(common_read(0x1000, 1), 0);
    virtio_blk_changed(&guest.blk, &limits);
    CHECK_EQ(guest_interrupt(), VECTOR_CONFIG);
    CHECK_EQ(common_read(0x1000, 1), VIRTIO_PCI_ISR_CONFIG);
    CHECK_EQ(common_read(0x1000, 1), 0);

    CASE("without MSI-X the ISR register can be polled");
    build(1);
    guest_start(USUAL);
    pci_bus_write(&guest.bus, 1, guest.blk.virtio.msix.capability + 2, 2, 0);
    (void)guest_request(0, 0, VIRTIO_BLK_T_IN, 0, 512);
    finish_all();
    CHECK_EQ(guest_interrupt(), -1);
    CHECK_EQ(common_read(0x1000, 1), VIRTIO_PCI_ISR_QUEUE);
    CHECK_EQ(common_read(0x1000, 1), 0);
    CHECK_EQ(common_read(0x1001, 1), 0);
    CHECK_EQ(common_read(0x6000, 4), 0);
}

int main(void)
{
    test_discovery();
    test_negotiation();
    test_transfers();
    test_other_requests();
    test_read_only();
    test_framing();
    test_reset();
    test_many();
    test_bus_master();
    test_isr();
    free(guest.ram);
    return check_finish();
}
