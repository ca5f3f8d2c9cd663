# SPDX-License-Identifier: MIT
# Init on the real kernel: sessions between children, faults, nesting, and bad configurations.
$(call component,init_test,main.c,base config contract contract_dispatch xml)
