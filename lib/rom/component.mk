# SPDX-License-Identifier: MIT
# lib/rom: ROM sessions with content that changes.
$(call library,rom_server,server.c,base contract_dispatch string)
