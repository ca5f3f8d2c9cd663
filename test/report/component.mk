# SPDX-License-Identifier: MIT
# test/report: ROMs that change, reports, and those who abuse them.
$(call component,rom_test,rom.c,base contract config xml fmt string)
$(call component,report_test,main.c hostile.c,base contract config xml fmt string)
