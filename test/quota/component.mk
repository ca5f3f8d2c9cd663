# SPDX-License-Identifier: MIT
# test/quota: the components of scenario/quota.
$(call component,quota_judge,judge.c hog_child.c,base child contract contract_dispatch fmt string)
$(call component,quota_hog,hog.c,base fmt string)
$(call component,quota_keeper,keeper.c,base base_pure string)
$(call component,quota_neighbour,neighbour.c,base base_pure contract string)
