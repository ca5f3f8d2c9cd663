/* SPDX-License-Identifier: MIT */
/* Quota tree, see account.h. */
#include "core/account.h"

#include "core/assert.h"

uint64_t quota_left(const struct quota *quota)
{
    return quota->used < quota->limit ? quota->limit - quota->used : 0;
}

static void quota_refund(struct quota *quota, uint64_t amount)
{
    ASSERT(amount <= quota->used);
    quota->used -= amount;
}

void account_init(struct account *account, struct frames *frames, uint64_t ram, uint64_t caps)
{
    *account = (struct account){.frames = frames, .ram.limit = ram, .caps.limit = caps};
}

enum status account_open(struct account *account, struct account *parent, uint64_t ram, uint64_t caps)
{
    struct account fresh = {.frames = parent->frames, .parent_opt = parent};
    enum status status = account_transfer(parent, &fresh, ram, caps);

    if (status == OK)
        *account = fresh;
    return status;
}

void account_close(struct account *account)
{
    struct account *parent = account->parent_opt;

    ASSERT(account->ram.used == 0 && account->caps.used == 0 && parent);
    parent->ram.limit += account->ram.limit;
    parent->caps.limit += account->caps.limit;
    account->ram.limit = account->caps.limit = 0;
    account->parent_opt = NULL;
}

enum status account_transfer(struct account *from, struct account *to, uint64_t ram, uint64_t caps)
{
    if (ram % FRAME_SIZE)
        return ERR_INVALID;
    if (ram > quota_left(&from->ram))
        return ERR_NO_RAM;
    if (caps > quota_left(&from->caps))
        return ERR_NO_CAPS;
    from->ram.limit -= ram;
    from->caps.limit -= caps;
    to->ram.limit += ram;
    to->caps.limit += caps;
    return OK;
}

enum status account_charge_ram(struct account *account, uint64_t bytes)
{
    if (bytes > quota_left(&account->ram))
        return ERR_NO_RAM;
    account->ram.used += bytes;
    return OK;
}

void account_refund_ram(struct account *account, uint64_t bytes)
{
    quota_refund(&account->ram, bytes);
}

enum status account_charge_caps(struct account *account, uint64_t caps)
{
    if (caps > quota_left(&account->caps))
        return ERR_NO_CAPS;
    account->caps.used += caps;
    return OK;
}

void account_refund_caps(struct account *account, uint64_t caps)
{
    quota_refund(&account->caps, caps);
}

enum status account_take_frame_forced(struct account *account, uint64_t *physical)
{
    uint64_t frame, count;
    enum status status = frames_alloc(account->frames, 1, &frame, &count);

    if (status != OK)
        return status;
    frames_zero(account->frames, frame, 1);
    account->ram.used += FRAME_SIZE;
    *physical = frame;
    return OK;
}

enum status account_take_frame(struct account *account, uint64_t *physical)
{
    if (quota_left(&account->ram) < FRAME_SIZE)
        return ERR_NO_RAM;
    return account_take_frame_forced(account, physical);
}

void account_return_frame(struct account *account, uint64_t physical)
{
    frames_free(account->frames, physical, 1);
    account_refund_ram(account, FRAME_SIZE);
}
