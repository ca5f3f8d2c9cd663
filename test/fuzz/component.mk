# SPDX-License-Identifier: MIT
# The hypercall fuzzer: in core's place, and as a component.
fuzz_stage := stage.c goals.c confusion.c confusion_stage.c random.c
$(call component,fuzz_root,start.S root.c goals_root.c $(fuzz_stage),fmt string,core/core.ld)
$(call host_test,confusion_test,confusion_test.c confusion.c /kernel/test/machine.c /kernel/test/vtd_device.c $(addprefix /,$(kernel_generic)) /kernel/arch/host/arch.c)
$(call component,fuzz_component,component.c $(fuzz_stage),base contract fmt)
$(call fuzz_test,dispatch_fuzz,dispatch_fuzz.c $(addprefix /contract/,$(CONTRACT_DISPATCH)) /lib/base/dispatch.c)
