/* SPDX-License-Identifier: MIT */
/*
 * A virtio-blk device for the tests: registers by the hooks of transport.h, queues by the device's side of
 * lib/virtio, a disk in memory. It does nothing by itself: fake_run() takes what was notified and answers what
 * `answer` allows, in random order.
 *
 * Addresses on the bus are addresses of this program plus FAKE_BUS; only what was lent with fake_lend() is
 * memory. It checks what a device can see of its driver: sequence of the status bits, features, rings within
 * the memory lent, chains as section 5.2.6 has them. A mistake ends the program.
 */
#ifndef DRIVER_BLOCK_VIRTIO_TEST_FAKE_H
#define DRIVER_BLOCK_VIRTIO_TEST_FAKE_H

#include "driver/block/virtio/transport.h"
#include "lib/virtio/blk.h"
#include "lib/virtio/queue_device.h"

#include <stdbool.h>

#define FAKE_BUS 0x10000000000ull

enum { FAKE_QUEUES = 4, FAKE_PIECES = 260, FAKE_HELD = 512, FAKE_LENT = 40, FAKE_DISK = 1 << 20 };

struct fake_chain {
    unsigned queue;
    struct virtqueue_chain chain;
    struct virtqueue_piece pieces[FAKE_PIECES];
};

struct fake_queue {
    uint16_t size_max, size;
    uint16_t vector;
    bool enabled, notified, interrupt;
    uint64_t desc, driver, device;
    struct virtqueue_device ring;
};

struct fake {
    struct transport transport;

    /* what the device is like; set before the driver starts */
    uint64_t offered;
    struct virtio_blk_config config;
    uint16_t num_queues, vectors;

    /* how it behaves; may be changed at any time */
    unsigned answer_percent; /* of what it holds, per fake_run */
    unsigned error_percent;  /* of requests that end with an error */
    unsigned unsupported;    /* type + 1 of requests that it does not know */
    bool mute;               /* sends no interrupts */
    bool deaf;               /* takes no notifications */
    unsigned misses;         /* so many notifications get lost */
    unsigned reset_reads;    /* the status stays what it was for so many reads after a reset */
    bool reset_never;        /* it does not reset at all, but by the function's reset */
    bool function_reset_fails;
    bool no_master;      /* it may not reach memory, and answers nothing */
    bool loses_features; /* after the next reset */
    void (*lie)(struct fake *fake, struct fake_chain *chain); /* instead of pushing an answer */

    /* its state */
    uint8_t *disk;
    uint8_t status, generation, isr;
    uint64_t accepted;
    uint32_t feature_select[2];
    uint16_t selected, config_vector;
    unsigned reset_left;
    bool config_interrupt, stopped;
    struct fake_queue queues[FAKE_QUEUES];
    struct fake_chain *held; /* [FAKE_HELD] */
    unsigned held_count;
    struct {
        const uint8_t *from;
        uint64_t size;
        bool write;
    } lent[FAKE_LENT];
    unsigned lent_count;

    /* what happened */
    unsigned notifications, interrupts, resets, function_resets, rests, flushes, requests;
    unsigned descriptors_longest;
};

void fake_init(struct fake *fake);
void fake_free(struct fake *fake);

/* Memory of the driver that the device may reach; the address on the bus. */
uint64_t fake_lend(struct fake *fake, const void *memory, uint64_t size, bool write);

void fake_run(struct fake *fake);

/* Resizes the disk, in sectors. */
void fake_resize(struct fake *fake, uint64_t sectors);

/* NEEDS_RESET. */
void fake_fail(struct fake *fake);

#endif
