# SPDX-License-Identifier: MIT
# The disk that dies, and the keeper of its platter.
$(call component,block_death,main.c keeper.c disk.c,base block_server config contract contract_dispatch fmt string)
