# SPDX-License-Identifier: MIT
# test/canary: memory that somebody has just freed, watched.
$(call component,canary,main.c,base config xml fmt string)
