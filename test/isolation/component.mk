# SPDX-License-Identifier: MIT
# test/isolation: the component of scenario/isolation; raw hypercalls on purpose.
$(call component,isolation,main.c faults.c capabilities.c sessions.c strays.c foreign.c,base contract fmt string)
