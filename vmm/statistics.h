/* SPDX-License-Identifier: MIT */
/* Exits by reason and accesses by device, printed when a virtual machine ends. */
#ifndef VMM_STATISTICS_H
#define VMM_STATISTICS_H

#include "vmm/monitor.h"

/* Lines `exits REASON N` and `exits total N` of all virtual CPUs together, `vcpu N on CPU N exits N halts N` if there are several, and
   `device NAME reads N writes N` and `disk NAME requests N ...` to the log. */
void statistics_print(const struct monitor *of);

#endif
