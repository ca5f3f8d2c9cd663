# SPDX-License-Identifier: MIT
# The kernel: every C and assembly file below this folder but the tests and what stands in for a processor on the host.
$(call kernel,$(sort $(patsubst kernel/%,%,$(shell find kernel -name test -prune -o -path kernel/arch/host -prune -o \( -name '*.c' -o -name '*.S' \) -print))))
$(if $(COVERAGE),$(call kernel,test/coverage.c))

$(call host_test,page_table_test,mem/test/page_table_test.c mem/page_table.c)
$(call host_test,memory_map_test,mem/test/memory_map_test.c mem/memory_map.c)
$(call host_test,vcpu_check_test,arch/x86_64/test/vcpu_check_test.c arch/x86_64/vcpu_check.c)
$(call host_test,madt_test,arch/x86_64/test/madt_test.c arch/x86_64/madt.c)
$(call host_test,tsc_offset_test,arch/x86_64/test/tsc_offset_test.c arch/x86_64/tsc_offset.c)
