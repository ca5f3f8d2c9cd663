# SPDX-License-Identifier: MIT
# lib/crc32: the CRC-32 of IEEE 802.3.
$(call library,crc32,crc32.c,)
$(call host_test,crc32_test,test/crc32_test.c crc32.c)
