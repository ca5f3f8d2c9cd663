/* SPDX-License-Identifier: MIT */
/*
 * A call through the thread's message area. Nothing else may use the area between filling it and the hypercall, so the
 * slot for a received capability is taken first.
 */
#include "lib/base/ipc.h"

#include "lib/base/kernel.h"
#include "lib/base/thread.h"
#include "lib/string/string.h"

/* Copies the request into the area and returns its tag. */
static message_tag request_fill(struct message_area *area, const struct ipc *ipc)
{
    unsigned words = (unsigned)((ipc->in_size + 7) / 8);

    if (words) {
        area->words[words - 1] = 0; /* the part of the last word behind the structure */
        memcpy(area->words, ipc->in, ipc->in_size);
    }
    for (unsigned i = 0; i < ipc->send_count; i++) {
        uint32_t rights = ipc->send_rights[i];

        area->send[i] = (struct message_cap){ipc->send[i], rights ? rights : RIGHT_ALL};
    }
    return tag_make(ipc->opcode, words, ipc->send_count);
}

static enum status reply_check(const struct message_area *area, const struct ipc *ipc, message_tag tag)
{
    uint32_t status = tag_label(tag);

    if (status >= STATUS_COUNT)
        return ERR_INVALID;
    if (status != OK)
        return (enum status)status;
    if (tag_words(tag) != (ipc->out_size + 7) / 8 || tag_caps(tag) != ipc->receive_count)
        return ERR_INVALID;
    if (ipc->out_size)
        memcpy(ipc->out, area->words, ipc->out_size);
    return OK;
}

enum status ipc_call(struct ipc *ipc)
{
    struct message_area *area = thread_self()->message_area;
    uint32_t slot = CAP_NONE;
    enum status status;

    if (ipc->in_size > sizeof(area->words) || ipc->send_count > IPC_CAPS_MAX || ipc->receive_count > 1)
        return ERR_INVALID;
    if (ipc->receive_count) {
        status = cap_alloc(&slot);
        if (status != OK)
            return status;
    }

    message_tag tag = request_fill(area, ipc);

    area->receive_base = slot;
    area->receive_count = ipc->receive_count;
    status = kernel_call(ipc->portal, &tag);
    area->receive_count = 0;
    if (status == OK)
        status = reply_check(area, ipc, tag);
    if (status != OK) {
        cap_free(slot);
        return status;
    }
    ipc->received = slot;
    return OK;
}
