# SPDX-License-Identifier: MIT
# test/sched: priorities, helping, turns and timeouts, for scenario/priority.
$(call component,sched_server,server.c,base base_pure)
$(call component,sched_load,load.c,base base_pure)
$(call component,sched_observer,observer.c inversion.c periods.c turns.c parties.c,base)
