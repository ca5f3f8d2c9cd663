# SPDX-License-Identifier: MIT
# test/block: clients of block_ram.
$(call component,block_raw,raw.c queue.c,base contract ring config xml fmt string)
