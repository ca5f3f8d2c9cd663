/* SPDX-License-Identifier: MIT */
/*
 * Port 0x80; see post.h.
 */
#include "vmm/device/post/post.h"

void post_init(struct post *post)
{
    post->code = 0;
}

uint64_t post_read(struct post *post, uint64_t offset, unsigned width)
{
    (void)offset;
    (void)width;
    return post->code;
}

void post_write(struct post *post, uint64_t offset, unsigned width, uint64_t value)
{
    (void)offset;
    (void)width;
    post->code = (uint8_t)value;
}

DEVICE_OPS(post, struct post);
