/* SPDX-License-Identifier: MIT */
/*
 * The server's half of a contract: what is the same in every contract/<service>/dispatch.c.
 *
 * A dispatch function gets a struct dispatch: the request as it arrived. It looks up the opcode's rule and compares
 * size and number of capabilities (dispatch_check), copies the request once into a typed local, checks reserved fields
 * and ranges, calls the handler, and puts the handler's typed reply back. So a handler never sees the message area, and
 * may make calls of its own. Nothing here touches hardware: dispatch is tested natively with malformed messages.
 *
 * Capabilities that arrived are *lent*: their slots are emptied after the reply. A handler that wants to keep one
 * copies it (cap_keep of lib/base/cap.h, core by its own means). A place may be empty: using its slot gives ERR_CAP.
 * Capabilities in a reply are copied by the kernel; the server keeps its own slot.
 */
#ifndef LIB_BASE_DISPATCH_H
#define LIB_BASE_DISPATCH_H

#include "abi/capability.h"
#include "abi/message.h"
#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dispatch {
    uint32_t opcode;
    uint32_t size;      /* bytes of the request, a multiple of 8 */
    uint32_t cap_count; /* capabilities in slots cap_base, cap_base + 1, ... */
    uint32_t cap_base;
    uint64_t *words; /* the request; replaced by the reply */
    uint32_t reply_size;
    uint32_t reply_cap_count;
    struct message_cap reply_caps[MESSAGE_CAPS];
};

/* What an opcode's request must look like. An opcode without a rule (valid = false) does not exist. */
struct dispatch_rule {
    uint16_t size_min, size_max; /* bytes */
    uint8_t caps;
    bool valid;
};

#define DISPATCH_RULE(type, caps)                \
    {                                            \
        sizeof(type), sizeof(type), (caps), true \
    }
#define DISPATCH_RULE_EMPTY(caps) \
    {                             \
        0, 0, (caps), true        \
    }
#define DISPATCH_RULE_VARIABLE(type, tail, caps)         \
    {                                                    \
        offsetof(type, tail), sizeof(type), (caps), true \
    }

/* Fills *d from the tag that reply_wait returned and the area that holds the message. */
void dispatch_begin(struct dispatch *d, message_tag tag, struct message_area *area);

/* The tag of the reply; its capabilities go into the area. A failed request carries neither words nor capabilities. */
message_tag dispatch_finish(struct dispatch *d, enum status status, struct message_area *area);

/* ERR_UNSUPPORTED: no such opcode. ERR_INVALID: wrong size or number of capabilities. */
[[nodiscard]] enum status dispatch_check(const struct dispatch *d, const struct dispatch_rule *rules,
                                         size_t count);

/* Copies the request into *request, zeroing what was not sent. Only after dispatch_check. */
void dispatch_request(const struct dispatch *d, void *request, size_t size);

/* The handler's typed reply. `size` is a multiple of 8 and at most MESSAGE_WORDS * 8. */
void dispatch_reply(struct dispatch *d, const void *reply, size_t size);

/* Adds a capability to the reply. */
void dispatch_reply_cap(struct dispatch *d, struct message_cap cap);

/* Slot of the n-th capability of the request; n is below the rule's number. */
static inline uint32_t dispatch_cap(const struct dispatch *d, unsigned n)
{
    return d->cap_base + n;
}

/* True if text[0..size) holds a terminated string of printable characters (tab is one), which is what labels and session
   arguments consist of. */
bool dispatch_text_ok(const char *text, size_t size);

/* True if value is a multiple of the page size. */
static inline bool dispatch_page_aligned(uint64_t value)
{
    return (value & 4095) == 0;
}

/* True if size is a whole, non-zero number of pages and address + size does not wrap; both page-aligned. */
static inline bool dispatch_pages_ok(uint64_t address, uint64_t size)
{
    return dispatch_page_aligned(address | size) && size != 0 && address <= UINT64_MAX - size;
}

#endif
