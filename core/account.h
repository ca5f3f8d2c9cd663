/* SPDX-License-Identifier: MIT */
/*
 * Accounts: what a session may use of RAM and capabilities, and the memory for core's notes about it.
 *
 * Each account has a limit and a use of both resources. Limits form a tree: an account is opened with a part of its
 * parent's limit and gives everything back when it is closed; transfers move limit between accounts. So the sum of all
 * limits never changes, and no account can use what another was promised.
 *
 * RAM is counted in bytes, always whole frames. A capability stands for one slot and one small kernel object of core's
 * own, for which core set memory aside at start: that is why the number is fixed.
 *
 * Notes (structs that core keeps for a client) come from the account's slabs: frames charged to the account and
 * divided into notes. Who causes a note pays for it; the last note of a frame returns the frame.
 *
 * Destruction must not fail for want of RAM, so it may charge more than the limit: a debt. Debts are paid from core's
 * reserve and therefore bounded, each and all together, or else they would use up what others were promised.
 *
 * Invariants: (1) used <= limit, except for a debt of at most ACCOUNT_DEBT_MOST; (2) a closed account has used == 0 of
 * both; (3) frames->debts is the sum of all debts, and at most ACCOUNT_DEBTS_MOST.
 */
#ifndef CORE_ACCOUNT_H
#define CORE_ACCOUNT_H

#include "core/frames.h"

struct quota {
    uint64_t limit;
    uint64_t used;
};

#define SLAB_NOTE_MAX 1024u

#define ACCOUNT_DEBT_MOST  (32 * FRAME_SIZE)
#define ACCOUNT_DEBTS_MOST (128 * FRAME_SIZE)
#define SLAB_ALIGN         64u

struct slab_frame;

struct account {
    struct frames *frames;
    struct account *parent_opt;
    struct quota ram, caps;
    struct slab_frame *slabs; /* frames with room for notes */
};

uint64_t quota_left(const struct quota *quota);

/* The root of the tree. */
void account_init(struct account *account, struct frames *frames, uint64_t ram, uint64_t caps);

/* Opens an account with a part of the parent's limits. ERR_NO_RAM, ERR_NO_CAPS: the parent has not that much. */
[[nodiscard]] enum status account_open(struct account *account, struct account *parent, uint64_t ram,
                                       uint64_t caps);

/* Gives the limits back. Everything must have been returned before. */
void account_close(struct account *account);

/* Moves limit that is not in use. */
[[nodiscard]] enum status account_transfer(struct account *from, struct account *to, uint64_t ram,
                                           uint64_t caps);

[[nodiscard]] enum status account_charge_ram(struct account *account, uint64_t bytes);
/* May make a debt. ERR_NO_RAM: too large a one. */
[[nodiscard]] enum status account_charge_ram_forced(struct account *account, uint64_t bytes);
void account_refund_ram(struct account *account, uint64_t bytes);
[[nodiscard]] enum status account_charge_caps(struct account *account, uint64_t caps);
void account_refund_caps(struct account *account, uint64_t caps);

/* One zeroed frame, charged. */
[[nodiscard]] enum status account_take_frame(struct account *account, uint64_t *physical);
void account_return_frame(struct account *account, uint64_t physical);

/*
 * Puts an account in another place, so that it can lie in a note that it pays for itself. Only while no frame of its
 * notes is full (right after opening, or before closing).
 */
void account_move(struct account *account, struct account *to);

/* A zeroed note of `size` bytes (at most SLAB_NOTE_MAX), aligned to 64 bytes. slab_free knows whose it was. */
[[nodiscard]] enum status slab_alloc(struct account *account, size_t size, void **out);
void slab_free(void *note);

#endif
