# SPDX-License-Identifier: MIT
# test/disk: a client that knows what must fail.
$(call component,disk_test,main.c part.c /test/bench/idle/spare.c,base block_client contract config xml fmt string)
