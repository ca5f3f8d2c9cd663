# SPDX-License-Identifier: MIT
# test/killer: an init's configuration in which children get new versions, at random moments.
$(call component,killer,main.c victims.c accounts.c,base contract rom_server config xml fmt string)
