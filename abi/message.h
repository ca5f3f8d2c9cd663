/* SPDX-License-Identifier: MIT */
/*
 * The message area: one page a thread, mapped into its address space and lent to the kernel for the thread's lifetime.
 *
 * A portal call copies `words` and capabilities from the caller's area to the handler's, a reply copies back. Events
 * (exceptions, foreign system calls, virtual CPU exits) put a struct thread_state or struct vcpu_state into `words`
 * and take it back with the reply. Hypercalls with bulk arguments (space_update, state_read, ...) use the same words.
 *
 * Capabilities received are put into the slots receive_base, receive_base + 1, ... of the receiver's space. The
 * receiver decides how many it accepts (receive_count); these slots must be empty. Nothing is allocated.
 */
#ifndef ABI_MESSAGE_H
#define ABI_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#define MESSAGE_AREA_SIZE 4096u
#define MESSAGE_WORDS     400u
#define MESSAGE_CAPS      16u

/* Tag: bits 0-15 number of words, 16-23 number of capabilities, 32-63 label (an opcode, an event, or a status). */
typedef uint64_t message_tag;

static inline message_tag tag_make(uint32_t label, unsigned words, unsigned caps)
{
    return (uint64_t)label << 32 | (uint64_t)(caps & 0xff) << 16 | (words & 0xffff);
}

static inline uint32_t tag_label(message_tag tag)
{
    return (uint32_t)(tag >> 32);
}

static inline unsigned tag_words(message_tag tag)
{
    return tag & 0xffff;
}

static inline unsigned tag_caps(message_tag tag)
{
    return tag >> 16 & 0xff;
}

/* A capability to send: a slot of the sender (CAP_NONE sends an empty place) and the rights to keep. */
struct message_cap {
    uint32_t slot;
    uint32_t rights;
};

struct message_area {
    uint64_t words[MESSAGE_WORDS];
    struct message_cap send[MESSAGE_CAPS];
    uint32_t receive_base;  /* first slot for received capabilities */
    uint32_t receive_count; /* how many the thread accepts, at most MESSAGE_CAPS */
    uint64_t user[95];      /* never touched by the kernel */
};

_Static_assert(offsetof(struct message_area, send) == 3200, "ABI");
_Static_assert(offsetof(struct message_area, receive_base) == 3328, "ABI");
_Static_assert(sizeof(struct message_area) == MESSAGE_AREA_SIZE, "one page");

#endif
