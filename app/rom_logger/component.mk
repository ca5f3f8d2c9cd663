# SPDX-License-Identifier: MIT
# app/rom_logger: a ROM in the log, at each change.
$(call component,rom_logger,main.c,base config contract)
