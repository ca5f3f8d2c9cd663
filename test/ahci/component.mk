# SPDX-License-Identifier: MIT
$(call component,ahci_test,main.c,base block_client contract config xml fmt string)
