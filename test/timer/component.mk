# SPDX-License-Identifier: MIT
# test/timer: a client of the timer server.
$(call component,timer_client,main.c,base contract fmt string)
