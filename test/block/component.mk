# SPDX-License-Identifier: MIT
# test/block: clients of block_ram and of a slow disk.
$(call component,block_slow,slow.c,base block_server fmt)
$(call component,block_raw,raw.c queue.c,base contract ring config xml fmt string)
