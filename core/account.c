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

static uint64_t debt_of(const struct quota *ram)
{
    return ram->used > ram->limit ? ram->used - ram->limit : 0;
}

static void ram_raise_limit(struct account *account, uint64_t bytes)
{
    uint64_t before = debt_of(&account->ram);

    account->ram.limit += bytes;
    account->frames->debts -= before - debt_of(&account->ram);
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
    ram_raise_limit(parent, account->ram.limit);
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
    ram_raise_limit(to, ram);
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

enum status account_charge_ram_forced(struct account *account, uint64_t bytes)
{
    uint64_t left = quota_left(&account->ram), more = bytes > left ? bytes - left : 0;

    if (more > 0 && (debt_of(&account->ram) + more > ACCOUNT_DEBT_MOST ||
                     account->frames->debts + more > ACCOUNT_DEBTS_MOST))
        return ERR_NO_RAM;
    account->ram.used += bytes;
    account->frames->debts += more;
    return OK;
}

void account_refund_ram(struct account *account, uint64_t bytes)
{
    uint64_t before = debt_of(&account->ram);

    quota_refund(&account->ram, bytes);
    account->frames->debts -= before - debt_of(&account->ram);
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

enum status account_take_frame(struct account *account, uint64_t *physical)
{
    uint64_t frame, count;

    if (quota_left(&account->ram) < FRAME_SIZE)
        return ERR_NO_RAM;
    enum status status = frames_alloc(account->frames, 1, &frame, &count);

    if (status != OK)
        return status;
    frames_zero(account->frames, frame, 1);
    account->ram.used += FRAME_SIZE;
    *physical = frame;
    return OK;
}

void account_return_frame(struct account *account, uint64_t physical)
{
    frames_free(account->frames, physical, 1);
    account_refund_ram(account, FRAME_SIZE);
}
