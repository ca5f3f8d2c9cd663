# SPDX-License-Identifier: MIT
# CPUID policy, MSR policy and the paravirtual clock.
$(call library,vmm_cpu,cpuid.c msr.c kvmclock.c,string)
$(call host_test,vmm_cpuid_test,test/cpuid_test.c cpuid.c,)
$(call host_test,vmm_msr_test,test/msr_test.c msr.c,)
$(call host_test,vmm_kvmclock_test,test/kvmclock_test.c kvmclock.c,-pthread)
