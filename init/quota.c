/* SPDX-License-Identifier: MIT */
/* Quotas of children, see quota.h. */
#include "init/quota.h"

#include "lib/fmt/fmt.h"

static uint64_t less(uint64_t value, uint64_t part)
{
    return value > part ? value - part : 0;
}

struct quota quota_for_child(struct quota available)
{
    return (struct quota){less(available.ram, QUOTA_RESERVE_RAM + QUOTA_CHILD_RAM),
                          less(available.caps, QUOTA_RESERVE_CAPS + QUOTA_CHILD_CAPS)};
}

enum status quota_check(struct quota left, const struct config_child *child, char *reason, size_t size)
{
    if (child->ram > left.ram) {
        fmt_format(reason, size, "RAM quota of %lluK is larger than the %lluK that are left",
                   (unsigned long long)(child->ram >> 10), (unsigned long long)(left.ram >> 10));
        return ERR_NO_RAM;
    }
    if (child->caps > left.caps) {
        fmt_format(reason, size, "capability quota of %llu is larger than the %llu that are left",
                   (unsigned long long)child->caps, (unsigned long long)left.caps);
        return ERR_NO_CAPS;
    }
    return OK;
}
