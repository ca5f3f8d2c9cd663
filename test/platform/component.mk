# SPDX-License-Identifier: MIT
# test/platform: drivers of QEMU's educational device.
$(call component,platform_test,main.c edu.c death.c hostile.c,base contract contract_dispatch device config xml fmt string)
