# SPDX-License-Identifier: MIT
# server/block_ram: a disk in memory.
$(call component,block_ram,main.c ram.c /lib/block/policy.c,base block_server contract config xml fmt string)
$(call host_test,block_ram_test,test/ram_test.c ram.c /lib/string/string.c)
