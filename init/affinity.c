/* SPDX-License-Identifier: MIT */
/* CPUs of children, see affinity.h. */
#include "init/affinity.h"

#include "lib/base/session.h"

struct cpu_range affinity_range(uint32_t cpus, const struct config *config, const struct config_child *child)
{
    uint64_t width = config->affinity_width;

    if (!child->affinity.given || width == 0)
        return (struct cpu_range){0, cpus};

    uint64_t first = child->affinity.first * cpus / width;
    uint64_t end = (child->affinity.first + child->affinity.count) * cpus / width;

    /* A space that is wider than the machine: several places are one CPU. */
    return (struct cpu_range){(uint32_t)first, (uint32_t)(end > first ? end - first : 1)};
}

struct cpu_range affinity_narrow(struct cpu_range range, const char *args)
{
    uint64_t first, count;

    if (session_arg_number(args, "cpu", &first) != OK)
        first = 0;
    if (session_arg_number(args, "cpus", &count) != OK || count == 0)
        count = range.count;
    if (first >= range.count)
        first = range.count - 1;
    if (count > range.count - first)
        count = range.count - first;
    return (struct cpu_range){range.first + (uint32_t)first, (uint32_t)count};
}
