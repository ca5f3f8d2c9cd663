# SPDX-License-Identifier: MIT
# server/dynamic_rom: ROM modules that change over time.
$(call component,dynamic_rom,main.c script.c,base rom_server config xml fmt string)
$(call host_test,dynamic_rom_script_test,test/script_test.c script.c /lib/xml/xml.c /lib/fmt/parse.c /lib/string/string.c)
