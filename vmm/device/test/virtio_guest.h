/* SPDX-License-Identifier: MIT */
/*
 * For tests: a virtual disk on a PCI bus, a guest's RAM, a guest's driver, and a backend whose requests the test completes.
 */
#ifndef VMM_DEVICE_TEST_VIRTIO_GUEST_H
#define VMM_DEVICE_TEST_VIRTIO_GUEST_H

#include "lib/range/range.h"
#include "lib/virtio/queue_driver.h"
#include "vmm/device/lapic/lapic.h"
#include "vmm/device/test/fixture.h"
#include "vmm/device/virtio_blk/virtio_blk.h"

#define GUEST_RAM   (4u << 20)
#define GUEST_BASE  0x100000u  /* guest-physical address of the RAM */
#define GUEST_DATA  (1u << 20) /* offset of buffers; rings lie below */
#define DISK_SIZE   (1u << 20)
#define QUEUE_SPACE 0x4000u

struct guest {
    struct mmio_bus mmio;
    struct pci_bus bus;
    struct apic_bus apics;
    struct lapic cpu;
    struct virtio_blk blk;
    uint8_t *ram;
    unsigned device; /* that the driver drives: its number on the bus, */
    struct virtio_pci *virtio;
    uint64_t bar; /* and where its registers are */
    unsigned wanted;
    struct virtio_blk_request *submitted[VIRTIO_BLK_REQUESTS]; /* in order */
    unsigned submitted_count;
    struct virtqueue_driver queue[VIRTIO_PCI_QUEUES_MAX];
    struct virtqueue_slot slots[VIRTIO_PCI_QUEUES_MAX][VIRTIO_PCI_QUEUE_SIZE];
    uint8_t disk[DISK_SIZE];
};

static struct guest guest;

/* ---- the world ---- */

static inline void *guest_translate(void *context, uint64_t address, uint64_t length, bool write)
{
    (void)context;
    (void)write;
    if (address < GUEST_BASE || !range_ok(address - GUEST_BASE, length, GUEST_RAM))
        return NULL;
    return guest.ram + (address - GUEST_BASE);
}

static inline void guest_wanted(struct virtio_blk *blk)
{
    (void)blk;
    guest.wanted++;
}

static inline void guest_submit(struct virtio_blk *blk, struct virtio_blk_request *request)
{
    (void)blk;
    REQUIRE(guest.submitted_count < VIRTIO_BLK_REQUESTS);
    guest.submitted[guest.submitted_count++] = request;
}

static inline void guest_notify_cpu(void *context, enum lapic_event event, uint8_t vector)
{
    (void)context;
    (void)event;
    (void)vector;
}

static inline uint64_t guest_tsc(void *context)
{
    (void)context;
    return 0;
}

static inline struct virtio_blk_limits guest_limits(void)
{
    return (struct virtio_blk_limits){.size = DISK_SIZE,
                                      .block_size = 512,
                                      .physical_block_size = 4096,
                                      .pieces_max = 30,
                                      .piece_max = 65536,
                                      .discard_max = 65536,
                                      .discard_granularity = 4096,
                                      .write_zeroes_max = 65536};
}

static inline void guest_build(unsigned queues, const struct virtio_blk_limits *limits)
{
    struct lapic_dependencies cpu = {
        &guest.apics, fixture_clock, {guest_tsc, NULL, 1000}, guest_notify_cpu, NULL};
    struct virtio_blk_dependencies with = {.name = "root",
                                           .bus = &guest.bus,
                                           .apics = &guest.apics,
                                           .ram = {.translate = guest_translate},
                                           .queues = queues,
                                           .wanted = guest_wanted,
                                           .submit = guest_submit};

    if (!guest.ram) {
        guest.ram = aligned_alloc(4096, GUEST_RAM);
        REQUIRE(guest.ram);
        memset(guest.ram, 0, GUEST_RAM);
    }
    guest.wanted = guest.submitted_count = 0;
    mmio_bus_init(&guest.mmio);
    pci_bus_init(&guest.bus, &guest.mmio);
    apic_bus_init(&guest.apics);
    lapic_init(&guest.cpu, 0, true, &cpu);
    lapic_write(&guest.cpu, 0xf0, 4, 0x1ff);
    REQUIRE(apic_bus_add_local(&guest.apics, &guest.cpu) == OK);
    REQUIRE(virtio_blk_init(&guest.blk, &with, limits) == OK);
    REQUIRE(pci_bus_assign(&guest.bus) == OK);
    guest.device = 1;
    guest.virtio = &guest.blk.virtio;
    guest.bar = pci_bus_read(&guest.bus, 1, PCI_BAR0, 4);
}

/* ---- registers ---- */

static inline uint64_t common_read(unsigned offset, unsigned width)
{
    return mmio_bus_read(&guest.mmio, guest.bar + offset, width);
}

static inline void common_write(unsigned offset, unsigned width, uint64_t value)
{
    mmio_bus_write(&guest.mmio, guest.bar + offset, width, value);
}

#define COMMON_READ(field)                                     \
    common_read(offsetof(struct virtio_pci_common_cfg, field), \
                sizeof((struct virtio_pci_common_cfg){0}.field))
#define COMMON_WRITE(field, value)                              \
    common_write(offsetof(struct virtio_pci_common_cfg, field), \
                 sizeof((struct virtio_pci_common_cfg){0}.field), value)

#define VECTOR_CONFIG 0x50u
#define VECTOR_QUEUE  0x60u /* and above */

/* MSI-X on, vector n+1 for queue n, vector 0 for the configuration. */
static inline void guest_enable_interrupts(void)
{
    for (unsigned vector = 0; vector <= guest.virtio->queues; vector++) {
        uint64_t entry = guest.bar + 0x4000 + 16 * vector;

        mmio_bus_write(&guest.mmio, entry, 4, 0xfee00000);
        mmio_bus_write(&guest.mmio, entry + 8, 4, vector ? VECTOR_QUEUE + vector - 1 : VECTOR_CONFIG);
        mmio_bus_write(&guest.mmio, entry + 12, 4, 0);
    }
    pci_bus_write(&guest.bus, guest.device, guest.virtio->msix.capability + 2, 2, 0x8000);
    pci_bus_write(&guest.bus, guest.device, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* Vector of the interrupt that waits, which is taken and ended; -1: none. */
static inline int guest_interrupt(void)
{
    int vector = lapic_pending(&guest.cpu);

    if (vector >= 0) {
        CHECK_EQ(lapic_acknowledge(&guest.cpu), vector);
        lapic_write(&guest.cpu, 0xb0, 4, 0);
    }
    return vector;
}

static inline uint64_t guest_offered(void)
{
    COMMON_WRITE(device_feature_select, 0);
    uint64_t features = COMMON_READ(device_feature);
    COMMON_WRITE(device_feature_select, 1);
    return features | COMMON_READ(device_feature) << 32;
}

/* False: the device has refused the features. */
static inline bool guest_negotiate(uint64_t features)
{
    COMMON_WRITE(device_status, VIRTIO_STATUS_ACKNOWLEDGE);
    COMMON_WRITE(device_status, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
    for (unsigned half = 0; half < 2; half++) {
        COMMON_WRITE(driver_feature_select, half);
        COMMON_WRITE(driver_feature, (uint32_t)(features >> 32 * half));
    }
    COMMON_WRITE(device_status, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
    return COMMON_READ(device_status) & VIRTIO_STATUS_FEATURES_OK;
}

static inline void guest_queue_setup(unsigned number, uint16_t size, bool event_index)
{
    uint64_t space = GUEST_BASE + number * QUEUE_SPACE;
    struct virtq_layout layout;

    REQUIRE(virtq_layout(size, &layout) == OK && layout.total <= QUEUE_SPACE);
    memset(guest.ram + number * QUEUE_SPACE, 0, QUEUE_SPACE);
    REQUIRE(virtqueue_driver_open(guest.ram + number * QUEUE_SPACE, guest.slots[number], size, event_index,
                                  &guest.queue[number]) == OK);
    COMMON_WRITE(queue_select, number);
    COMMON_WRITE(queue_size, size);
    COMMON_WRITE(queue_msix_vector, number + 1);
    common_write(32, 4, (uint32_t)(space + layout.desc));
    common_write(36, 4, (space + layout.desc) >> 32);
    common_write(40, 8, space + layout.avail);
    common_write(48, 8, space + layout.used);
    COMMON_WRITE(queue_enable, 1);
}

static inline void guest_start(uint64_t features)
{
    guest_enable_interrupts();
    REQUIRE(guest_negotiate(features));
    COMMON_WRITE(config_msix_vector, 0);
    for (unsigned i = 0; i < guest.virtio->queues; i++)
        guest_queue_setup(i, VIRTIO_PCI_QUEUE_SIZE, features & VIRTIO_F_EVENT_IDX);
    COMMON_WRITE(device_status, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK |
                                    VIRTIO_STATUS_DRIVER_OK);
}

static inline void guest_notify(unsigned queue)
{
    mmio_bus_write(&guest.mmio, guest.bar + 0x3000 + 4 * queue, 2, queue);
}

/* ---- requests ---- */

#define GUEST_REQUEST_SPACE 0x2000u

/* Request `number` has its own space in RAM: header, status, data. */
static inline uint8_t *guest_header(unsigned number)
{
    return guest.ram + GUEST_DATA + number * GUEST_REQUEST_SPACE;
}

static inline uint8_t *guest_data(unsigned number)
{
    return guest_header(number) + 0x1000;
}

static inline uint8_t *guest_status(unsigned number)
{
    return guest_header(number) + 0x20;
}

static inline uint64_t guest_address(const void *pointer)
{
    return GUEST_BASE + (uint64_t)((const uint8_t *)pointer - guest.ram);
}

/* Adds a request with `length` bytes of data in one piece, published but not notified; true: the device wants that. */
static inline bool guest_request(unsigned queue, unsigned number, uint32_t type, uint64_t sector,
                                 uint32_t length)
{
    struct virtio_blk_req header = {.type = type, .sector = sector};
    bool to_device = type != VIRTIO_BLK_T_IN && type != VIRTIO_BLK_T_GET_ID;
    struct virtqueue_buffer buffers[3];
    unsigned count = 0;

    memcpy(guest_header(number), &header, sizeof(header));
    *guest_status(number) = 0xee;
    buffers[count++] = (struct virtqueue_buffer){guest_address(guest_header(number)), sizeof(header)};
    if (length)
        buffers[count++] = (struct virtqueue_buffer){guest_address(guest_data(number)), length};
    buffers[count++] = (struct virtqueue_buffer){guest_address(guest_status(number)), 1};
    unsigned writable = to_device || !length ? 1 : 2;
    REQUIRE(virtqueue_driver_add(&guest.queue[queue], buffers, count - writable, writable,
                                 (void *)(uintptr_t)(number + 1)) == OK);
    return virtqueue_driver_publish(&guest.queue[queue]);
}

/* The number of a request that has come back; -1: none. */
static inline int guest_collect(unsigned queue, uint32_t *written)
{
    void *token;

    if (virtqueue_driver_collect(&guest.queue[queue], &token, written) != OK)
        return -1;
    return (int)(uintptr_t)token - 1;
}

/* ---- the backend ---- */

/* Does what the submitted request `index` wants on the disk. */
static inline void backend_do(unsigned index, enum virtio_blk_status result)
{
    struct virtio_blk_request *request = guest.submitted[index];
    uint64_t offset = request->offset;

    REQUIRE(range_ok(request->offset, request->length, DISK_SIZE));
    for (unsigned i = 0; i < request->piece_count; i++) {
        struct virtio_blk_piece *piece = &request->pieces[i];

        if (request->type == VIRTIO_BLK_T_IN)
            memcpy(piece->pointer, guest.disk + offset, piece->length);
        else
            memcpy(guest.disk + offset, piece->pointer, piece->length);
        offset += piece->length;
    }
    if (request->type == VIRTIO_BLK_T_WRITE_ZEROES)
        memset(guest.disk + request->offset, 0, request->length);
    guest.submitted[index] = guest.submitted[--guest.submitted_count];
    virtio_blk_done(&guest.blk, request, result);
}

#endif
