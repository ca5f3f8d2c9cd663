# SPDX-License-Identifier: MIT
# app/block_tester: load and judgement for BLOCK sessions.
$(call component,block_tester,main.c stage.c load.c table.c ledger.c stamp.c trace.c latency.c,base block_client config contract fmt)
$(call host_test,block_tester_stage,test/stage_test.c stage.c /lib/config/config.c /lib/xml/xml.c /lib/fmt/fmt.c /lib/fmt/parse.c /lib/fmt/status_text.c /lib/string/string.c,-Wno-format)
$(call host_test,block_tester_ledger,test/ledger_test.c ledger.c stamp.c)
$(call host_test,block_tester_latency,test/latency_test.c latency.c)
$(call host_test,block_tester_trace,test/trace_test.c trace.c /lib/fmt/parse.c)
