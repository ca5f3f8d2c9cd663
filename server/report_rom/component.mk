# SPDX-License-Identifier: MIT
# server/report_rom: reports become ROMs by policy.
$(call component,report_rom,main.c store.c,base contract_dispatch rom_server config xml fmt string)
$(call host_test,report_rom_store_test,test/store_test.c store.c /lib/xml/xml.c /lib/fmt/parse.c /lib/string/string.c)
