# SPDX-License-Identifier: MIT
# Hostile components among innocent ones.
$(call component,hostile,main.c noise.c,base config contract contract_dispatch xml)
