# SPDX-License-Identifier: MIT
# Core's services, tried by a program in init's place, and the child that it starts.
$(call component,core_test,main.c check.c memory.c domain.c device.c fuzz.c,base child contract fmt string)
$(call component,core_test_child,child.c,base string)
