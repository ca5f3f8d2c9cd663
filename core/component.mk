# SPDX-License-Identifier: MIT
# core: the root task.
$(call host_test,core_frames_test,test/frames_test.c frames.c)
$(call host_test,core_account_test,test/account_test.c account.c slab.c frames.c)
$(call host_test,core_region_map_test,test/region_map_test.c region_map.c space.c dataspace.c account.c slab.c frames.c)
