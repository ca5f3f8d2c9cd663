/* SPDX-License-Identifier: MIT */
/*
 * One call to a portal: opcode, request structure, capabilities; status, reply structure, capabilities.
 *
 *     struct pd_address reply;
 *     enum status status = ipc_call(&(struct ipc){.portal = session, .opcode = PD_ATTACH, .in = &request,
 *                                   .in_size = sizeof(request), .send = {dataspace}, .send_count = 1,
 *                                   .out = &reply, .out_size = sizeof(reply)});
 *
 * The status is the kernel's if the call itself failed, else the server's. A vanished portal is ERR_PEER_GONE. A reply of
 * another size, or with another number of capabilities than asked for, is ERR_INVALID and leaves nothing behind.
 */
#ifndef LIB_BASE_IPC_H
#define LIB_BASE_IPC_H

#include "lib/base/cap.h"
#include "lib/base/status.h"

#include <stddef.h>
#include <stdint.h>

#define IPC_CAPS_MAX 4u

struct ipc {
    uint32_t portal;
    uint32_t opcode;
    const void *in;
    size_t in_size; /* bytes; rounded up to words with zeroes */
    void *out;
    size_t out_size;
    uint32_t send[IPC_CAPS_MAX];        /* slots; CAP_NONE is an empty place */
    uint32_t send_rights[IPC_CAPS_MAX]; /* 0: RIGHT_ALL */
    unsigned send_count;
    unsigned receive_count; /* capabilities expected, at most 1 in this version */
    uint32_t received;      /* out: slot of it, *given* */
};

[[nodiscard]] enum status ipc_call(struct ipc *ipc);

/* Long work is done in bounded parts, so that others are served in between: repeats the call while it is ERR_AGAIN. */
[[nodiscard]] static inline enum status ipc_call_whole(struct ipc *ipc)
{
    enum status status;

    do
        status = ipc_call(ipc);
    while (status == ERR_AGAIN);
    return status;
}

/* A call that is answered with one capability: *slot is *given*. */
[[nodiscard]] static inline enum status ipc_call_receive(struct ipc *ipc, uint32_t *slot)
{
    ipc->receive_count = 1;

    enum status status = ipc_call(ipc);

    if (status == OK)
        *slot = ipc->received;
    return status;
}

#endif
