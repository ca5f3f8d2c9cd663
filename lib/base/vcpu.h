/* SPDX-License-Identifier: MIT */
/*
 * Virtual CPUs for the monitor: binding portals to exits, state, recall. The state layout is abi/vcpu.h's.
 *
 * The portal of an exit is a raw one: `struct vcpu_state *state = vcpu_message();` is the exit's state, edited in place;
 * state->groups says what the reply takes back, and the reply's tag is vcpu_reply(state). Parking keeps the virtual CPU
 * stopped until vcpu_resume.
 */
#ifndef LIB_BASE_VCPU_H
#define LIB_BASE_VCPU_H

#include "abi/vcpu.h"
#include "lib/base/entrypoint.h"
#include "lib/base/status.h"

#include <stdint.h>

/* The exit that a raw portal's tag stands for. */
static inline enum vcpu_exit vcpu_exit_of(message_tag tag)
{
    return (enum vcpu_exit)tag_label(tag);
}

static inline struct vcpu_state *vcpu_message(void)
{
    return (struct vcpu_state *)message_words();
}

/* Tag of a reply that carries what state->groups names. */
static inline message_tag vcpu_reply(const struct vcpu_state *state)
{
    unsigned words = state->groups & VCPU_GROUP_FPU ? sizeof(*state) / 8 : VCPU_STATE_WORDS;

    return tag_make(OK, words, 0);
}

/* `groups`: enum vcpu_group, what the exit's message carries. */
[[nodiscard]] enum status vcpu_bind(uint32_t vcpu, enum vcpu_exit exit, const struct portal *portal,
                                    uint64_t groups);

/* Delivers VCPU_EXIT_RECALL as soon as the virtual CPU would run; from any thread. */
[[nodiscard]] enum status vcpu_recall(uint32_t vcpu);

/* A parked virtual CPU goes on; the first time it starts. */
[[nodiscard]] enum status vcpu_resume(uint32_t vcpu);

/* Only while it is parked: ERR_BUSY if not. `groups` for read; out->groups, in->groups tell which parts are valid. Not
   from inside a raw portal's handler that still needs its message. */
[[nodiscard]] enum status vcpu_state_read(uint32_t vcpu, uint64_t groups, struct vcpu_state *out);
[[nodiscard]] enum status vcpu_state_write(uint32_t vcpu, const struct vcpu_state *in);

#endif
