# SPDX-License-Identifier: MIT
# server/block_part: partitions of a block device; it mediates, and no request passes through it.
block_part_table := table.c mbr.c gpt.c /lib/crc32/crc32.c /lib/fmt/fmt.c
$(call component,block_part,main.c disk.c policy.c report.c table.c mbr.c gpt.c,base block_client contract config xml fmt string crc32)
$(call host_test,block_part_table_test,test/table_test.c $(block_part_table),-Wno-format)
$(call host_test,block_part_policy_test,test/policy_test.c policy.c table.c mbr.c gpt.c /lib/crc32/crc32.c /lib/xml/xml.c /lib/fmt/fmt.c /lib/fmt/parse.c /lib/string/string.c,-Wno-format)
$(call host_test,block_part_oracle_test,test/oracle_test.c $(block_part_table),-D_GNU_SOURCE -Wno-format)
$(call fuzz_test,block_part_table_fuzz,fuzz/table_fuzz.c $(block_part_table),-Wno-format)
