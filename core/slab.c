/* SPDX-License-Identifier: MIT */
/*
 * Slabs of an account, see account.h.
 *
 * A frame begins with its struct slab_frame (one piece of 64 bytes is given up for it in the smallest class, one
 * piece of the class's own size in the others). Free pieces are chained through their first word. A frame is in its
 * account's list `partial` exactly while it has a free piece; a frame without any used piece goes back.
 */
#include "core/account.h"

#include "core/assert.h"
#include "lib/string/string.h"

struct slab_frame {
    struct account *account;
    struct slab_frame *next, *previous; /* in the list of its class */
    void **free_opt;
    uint32_t class;
    uint32_t used;
};

_Static_assert(sizeof(struct slab_frame) <= SLAB_SMALLEST, "the header takes one piece");

static size_t class_size(unsigned class)
{
    return (size_t)SLAB_SMALLEST << class;
}

static void link_frame(struct slab_frame *frame)
{
    struct slab_frame **head = &frame->account->partial[frame->class];

    frame->previous = NULL;
    frame->next = *head;
    if (*head)
        (*head)->previous = frame;
    *head = frame;
}

static void unlink_frame(struct slab_frame *frame)
{
    if (frame->previous)
        frame->previous->next = frame->next;
    else
        frame->account->partial[frame->class] = frame->next;
    if (frame->next)
        frame->next->previous = frame->previous;
}

static enum status add_frame(struct account *account, unsigned class)
{
    uint64_t physical;
    enum status status = account_take_frame(account, &physical);

    if (status != OK)
        return status;
    struct slab_frame *frame = frames_pointer(account->frames, physical);

    *frame = (struct slab_frame){.account = account, .class = class};
    for (size_t at = FRAME_SIZE - class_size(class); at >= class_size(class); at -= class_size(class)) {
        void **piece = (void **)((char *)frame + at);

        *piece = frame->free_opt;
        frame->free_opt = piece;
    }
    link_frame(frame);
    return OK;
}

enum status slab_alloc(struct account *account, size_t size, void **out)
{
    unsigned class = 0;

    while (class < SLAB_CLASSES && class_size(class) < size)
        class ++;
    ASSERT(class < SLAB_CLASSES);
    if (!account->partial[class]) {
        enum status status = add_frame(account, class);

        if (status != OK)
            return status;
    }
    struct slab_frame *frame = account->partial[class];
    void **piece = frame->free_opt;

    frame->free_opt = *piece;
    frame->used++;
    if (!frame->free_opt)
        unlink_frame(frame);
    memset(piece, 0, class_size(class));
    *out = piece;
    return OK;
}

void slab_free(void *note)
{
    struct slab_frame *frame = (struct slab_frame *)((uintptr_t)note & ~(uintptr_t)(FRAME_SIZE - 1));
    void **piece = note;

    ASSERT(frame->used > 0 && ((uintptr_t)note & (class_size(frame->class) - 1)) == 0);
    if (!frame->free_opt)
        link_frame(frame);
    *piece = frame->free_opt;
    frame->free_opt = piece;
    if (--frame->used == 0) {
        unlink_frame(frame);
        account_return_frame(frame->account, frames_physical(frame->account->frames, frame));
    }
}
