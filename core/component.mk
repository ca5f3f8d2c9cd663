# SPDX-License-Identifier: MIT
# core: the root task.
$(call component,core,start.S main.c boot.c init.c parent.c session.c tree.c kernel_objects.c print.c core_log.c \
	frames.c account.c slab.c dataspace.c space.c space_kernel.c region_map.c managed_map.c \
	pd.c pd_contract.c time_share.c thread.c fault.c rom.c log.c io_mem.c io_port.c irq.c dma.c dma_function.c dma_unit.c vm.c accounts_service.c, \
	base_pure contract_dispatch elf fmt string,core/core.ld)
$(call host_test,core_frames_test,test/frames_test.c frames.c)
$(call host_test,core_account_test,test/account_test.c account.c slab.c frames.c)
$(call host_test,core_tree_test,test/tree_test.c tree.c)
$(call host_test,core_region_map_test,test/region_map_test.c region_map.c tree.c space.c dataspace.c account.c slab.c frames.c)
