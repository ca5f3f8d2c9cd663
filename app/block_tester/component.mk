# SPDX-License-Identifier: MIT
# app/block_tester: load and judgement for BLOCK sessions.
$(call component,block_tester,main.c stage.c load.c table.c ledger.c stamp.c trace.c,base block_client config contract fmt)
$(call host_test,block_tester_ledger,test/ledger_test.c ledger.c stamp.c)
$(call host_test,block_tester_trace,test/trace_test.c trace.c /lib/fmt/parse.c)
