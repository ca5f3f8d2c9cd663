# SPDX-License-Identifier: MIT
$(call component,ahci_test,main.c /test/bench/idle/spare.c,base block_client contract config xml fmt string)
