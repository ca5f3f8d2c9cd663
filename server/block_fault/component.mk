# SPDX-License-Identifier: MIT
# server/block_fault: a disk that misbehaves by rule, and a record of what it was asked for.
block_fault_core := fault.c record.c
$(call component,block_fault,main.c config.c disks.c $(block_fault_core) /lib/block/policy.c,\
	block_server block_client base contract config crc32 xml fmt string)
$(call host_test,block_fault_test,test/fault_test.c $(block_fault_core) /lib/crc32/crc32.c)
