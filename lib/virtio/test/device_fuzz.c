/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest at the device's side: any content of rings, descriptors and tables, changed while the device
 * works. Every piece that comes out must lie in RAM, and no more than `size` chains may be under way. The RAM
 * is a block of its own, so that the address sanitizer sees every access beside it.
 *
 * Input: shape of the queue, then steps: write bytes somewhere, offer, pop, push, publish, sleep.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/virtio/test/guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RAM = 4096, PIECES = 24, HEADS = 64 };

struct input {
    const uint8_t *data;
    size_t left;
};

static unsigned take(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++;
}

static void must(int condition)
{
    if (!condition)
        abort();
}

static void pop(struct virtqueue_device *queue, struct guest *guest, uint16_t *heads, unsigned *held)
{
    struct virtqueue_piece pieces[PIECES];
    struct virtqueue_chain chain;
    uint64_t bytes = 0;

    if (virtqueue_device_pop(queue, pieces, PIECES, &chain) != OK)
        return;
    must(chain.head < queue->size && chain.readable + chain.writable <= PIECES);
    for (unsigned i = 0; i < chain.readable + chain.writable; i++) {
        bool write = i >= chain.readable;
        must(pieces[i].length != 0);
        must(guest_translate(guest, pieces[i].address, pieces[i].length, write) == pieces[i].pointer);
        must(pieces[i].pointer != NULL);
        bytes += pieces[i].length;
    }
    must(bytes == chain.readable_bytes + chain.writable_bytes);
    must(*held < queue->size);
    heads[(*held)++] = chain.head;
}

/* A descriptor with few bits: plain bytes hardly ever hit RAM. */
static void put_descriptor(struct guest *guest, struct input *input)
{
    struct virtq_desc descriptor = {.addr = GUEST_BASE + 16u * take(input), .len = 16u * take(input)};

    descriptor.flags = (uint16_t)(take(input) & 7);
    descriptor.next = (uint16_t)take(input);
    memcpy(guest->memory + 16u * take(input), &descriptor, sizeof(descriptor));
}

static void step(struct virtqueue_device *queue, const struct virtq_layout *layout, struct guest *guest,
                 struct input *input, uint16_t *heads, unsigned *held)
{
    bool sleep;

    switch (take(input) % 8) {
    case 0: put_descriptor(guest, input); break;
    case 1: {
        unsigned at = take(input) << 8 | take(input);
        guest->memory[at % RAM] = (uint8_t)take(input);
        break;
    }
    case 2: guest->memory[layout->avail + 2]++; break; /* offers whatever the ring says */
    case 3:
    case 4: pop(queue, guest, heads, held); break;
    case 5:
        if (*held > 0)
            virtqueue_device_push(queue, heads[--*held], take(input));
        break;
    case 6: (void)virtqueue_device_publish(queue); break;
    default: (void)virtqueue_device_prepare_sleep(queue, &sleep);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct guest guest = guest_make(RAM);
    struct virtqueue_translation translation = guest_translation(&guest);
    struct virtqueue_device queue;
    struct virtq_layout layout;
    uint16_t heads[HEADS];
    unsigned held = 0, shape = take(&input);
    uint16_t count = (uint16_t)(1u << (shape & 3));
    struct virtqueue_setup setup = guest_setup(0, count, shape & 4, shape & 8);

    must(virtq_layout(count, &layout) == OK);
    if (shape & 16)
        setup.used += (uint64_t)take(&input) << 4;
    if (virtqueue_device_open(&setup, &translation, &queue) == OK)
        while (input.left > 0)
            step(&queue, &layout, &guest, &input, heads, &held);
    free(guest.memory);
    return 0;
}
