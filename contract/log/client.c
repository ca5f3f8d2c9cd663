/* SPDX-License-Identifier: MIT */
#include "contract/log/client.h"

#include "lib/base/ipc.h"
#include "lib/string/string.h"

enum status log_session_write(uint32_t session, const char *text, size_t length)
{
    enum status status = OK;

    while (length && status == OK) {
        struct log_write in;

        in.length = length < LOG_TEXT_MAX ? (uint32_t)length : LOG_TEXT_MAX;
        in.reserved = 0;
        memcpy(in.text, text, in.length);
        status = ipc_call(&(struct ipc){.portal = session,
                                        .opcode = LOG_WRITE,
                                        .in = &in,
                                        .in_size = offsetof(struct log_write, text) + in.length});
        text += in.length;
        length -= in.length;
    }
    return status;
}
