# SPDX-License-Identifier: MIT
# The instruction decoder and executor of the monitor.
$(call library,vmm_decode,decode.c cursor.c intercept.c alu.c execute.c,string)
$(call host_test,vmm_decode_test,test/decode_test.c test/zydis_compare.c decode.c cursor.c,-lZydis)
$(call host_test,vmm_intercept_test,test/intercept_test.c intercept.c cursor.c,-lZydis)
$(call host_test,vmm_execute_test,test/execute_test.c decode.c cursor.c alu.c execute.c,)
$(call fuzz_test,vmm_decode_fuzz,test/decode_fuzz.c decode.c cursor.c intercept.c alu.c execute.c)
