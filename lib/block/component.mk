# SPDX-License-Identifier: MIT
# lib/block, the client's half. block_client_core is its hardware-free part.
$(call library,block_client_core,client_core.c client_issue.c client_loss.c,ring string)
$(call library,block_client,client.c,block_client_core base contract fmt string)
