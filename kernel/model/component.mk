# SPDX-License-Identifier: MIT
# Spin models of the kernel; kernel/test/*_mutants.c show what they notice.
$(call spin_model,ipc_model,ipc.pml,-DSAFETY -DNOCLAIM -m1000000)
$(call spin_model,ipc_live,ipc_live.pml ipc.pml,-a -m1000000)
$(call spin_model,ipc_urgent,ipc_urgent.pml ipc.pml,-a -m1000000)
$(call spin_model,smp_model,smp.pml,-DSAFETY -m1000000)
$(call spin_model,smp_call_model,smp_call.pml,-DSAFETY -m1000000)
