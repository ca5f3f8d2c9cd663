# SPDX-License-Identifier: MIT
$(call library,vmm_machine,machine.c,vmm_device)
