# SPDX-License-Identifier: MIT
# The generic kernel as a host program.
kernel_generic := $(wildcard $(addprefix kernel/,object/*.c sched/*.c ipc/*.c hypercall/*.c iommu/*.c)) kernel/smp.c kernel/mem/page_table.c kernel/mem/space.c
$(call host_test,kernel_test,kernel_test.c machine.c vtd_device.c $(addprefix /,$(kernel_generic)) /kernel/arch/host/arch.c)
$(call host_test,death_test,death_test.c machine.c vtd_device.c $(addprefix /,$(kernel_generic)) /kernel/arch/host/arch.c)
$(call host_test,kernel_random,kernel_random.c program.c invariants.c machine.c vtd_device.c $(addprefix /,$(kernel_generic)) /kernel/arch/host/arch.c)
$(call host_test,ipc_mutants,ipc_mutants.c)
# Virtual CPUs in turn, by seed (interleave.c).
comma := ,
interleave_sources := population.c program.c invariants.c machine.c vtd_device.c $(addprefix /,$(kernel_generic)) /kernel/arch/host/arch.c
$(call host_test,interleave,interleave.c $(interleave_sources),-include kernel/test/yield.h -fsanitize-coverage=trace-pc -Wl$(comma)--wrap=account_object_free)
$(call host_test_tsan,interleave_tsan,interleave.c $(interleave_sources),-include kernel/test/yield.h -fsanitize-coverage=trace-pc -Wno-tsan -Wl$(comma)--wrap=account_object_free)
$(call tool_test,interleave_mutants,interleave_mutants)
$(call host_test,smp_mutants,smp_mutants.c)
$(call host_test,kernel_smp_test,smp_test.c machine.c vtd_device.c $(addprefix /,$(kernel_generic)) /kernel/arch/host/arch.c)
$(call tool_test,kernel_stack_guard,stack_guard)
$(call host_test,vtd_test,vtd_test.c machine.c vtd_device.c $(addprefix /,$(kernel_generic)) /kernel/arch/host/arch.c)
$(call host_test,vtd_random,vtd_random.c machine.c vtd_device.c $(addprefix /,$(kernel_generic)) /kernel/arch/host/arch.c)
$(call tool_test,vtd_mutants,vtd_mutants)
