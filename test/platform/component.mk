# SPDX-License-Identifier: MIT
# test/platform: drivers of simple devices.
$(call component,platform_test,main.c edu.c nic.c nvme.c death.c hostile.c,base contract contract_dispatch device config xml fmt string)
