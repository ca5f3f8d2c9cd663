/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest at a virtual disk: the input is a series of what a guest can do (registers, configuration space, rings and
 * descriptors in RAM, good requests in between) and of what the backend does. The sanitizers watch that nothing outside guest RAM is
 * reached; besides: requests stay within the disk, none is lost, and a reset always ends.
 */
#include "vmm/device/test/virtio_guest.h"

#define FEATURES                                                                             \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_FLUSH | \
     VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES)
#define QUEUES 2u

struct input {
    const uint8_t *data;
    size_t left;
};

static uint64_t take(struct input *input, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && input->left; i++, input->left--)
        value |= (uint64_t)*input->data++ << 8 * i;
    return value;
}

static void check_invariants(void)
{
    unsigned free = 0, done = 0;

    for (struct virtio_blk_request *request = guest.blk.free; request; request = request->next)
        free++;
    for (struct virtio_blk_request *request = guest.blk.done; request; request = request->next)
        done++;
    REQUIRE(guest.blk.in_flight == guest.submitted_count + done);
    REQUIRE(free + guest.blk.in_flight == VIRTIO_BLK_REQUESTS);
}

/* Notified queues that would have been served by now; a flood of answers to itself must end, too. */
static void service(void)
{
    virtio_blk_service(&guest.blk);
    check_invariants();
}

static void complete(uint64_t which)
{
    if (guest.submitted_count)
        backend_do((unsigned)(which % guest.submitted_count),
                   which >> 7 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
}

/* Whatever has happened: a device that can be reached again can be reset, once the backend is done. */
static void reset(void)
{
    pci_bus_write(&guest.bus, 1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pci_bus_write(&guest.bus, 1, PCI_BAR0, 4, (uint32_t)guest.bar);
    COMMON_WRITE(device_status, 0);
    while (guest.submitted_count)
        complete(0);
    service();
    REQUIRE(COMMON_READ(device_status) == 0);
    REQUIRE(guest.blk.in_flight == 0);
}

/* A word of rings, descriptors or a request's header, often a plausible one. */
static void scribble(struct input *input)
{
    uint64_t where = take(input, 2) % (QUEUES * QUEUE_SPACE), value = take(input, 2);
    unsigned width = 1u << take(input, 1) % 4;

    where &= ~(uint64_t)(width - 1);
    if (width == 8)
        value = GUEST_BASE + (value << 4) % (GUEST_RAM + 64);
    memcpy(guest.ram + where, &value, width);
}

static void request(struct input *input)
{
    static const uint32_t types[] = {VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_OUT,          VIRTIO_BLK_T_FLUSH,
                                     VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_GET_ID};
    unsigned queue = (unsigned)take(input, 1) % QUEUES, number = (unsigned)take(input, 1) % 100;

    if (virtqueue_driver_space(&guest.queue[queue]) < 3)
        return;
    uint32_t type = types[take(input, 1) % 6];
    (void)guest_request(queue, number, type, take(input, 2) % 2050, (uint32_t)take(input, 1) * 16);
}

static void step(struct input *input)
{
    unsigned width = 1u << take(input, 1) % 3;

    switch (take(input, 1) % 9) {
    case 0: pci_bus_write(&guest.bus, 1, take(input, 1) & 0xfc, width, (uint32_t)take(input, width)); break;
    case 1: {
        uint64_t offset = take(input, 2) % 0x8000;

        mmio_bus_write(&guest.mmio, guest.bar + offset, width, take(input, width));
        mmio_bus_read(&guest.mmio, guest.bar + offset, width);
        break;
    }
    case 2: common_write((unsigned)take(input, 1) % 64 & ~(width - 1), width, take(input, width)); break;
    case 3: scribble(input); break;
    case 4: request(input); break;
    case 5: guest_notify((unsigned)take(input, 1) % 3); break;
    case 6: service(); break;
    case 7: complete(take(input, 1)); break;
    default:
        if (take(input, 1) % 8) {
            virtio_blk_changed(&guest.blk, &guest.blk.limits);
        } else {
            reset();
            guest_start(FEATURES);
        }
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct virtio_blk_limits limits = guest_limits();

    guest_build(QUEUES, &limits);
    guest_start(FEATURES);
    while (input.left)
        step(&input);
    reset();
    return 0;
}
