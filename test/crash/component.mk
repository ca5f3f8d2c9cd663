# SPDX-License-Identifier: MIT
# test/crash: power cuts at every moment, for the stack from the writer to the disk.
crash_sources := $(addprefix test/crash/,crash_test.c life.c writer.c chain.c disk.c states.c oracle.c) \
	$(addprefix lib/block/,engine.c queue.c complete.c admission.c flush.c overlap.c \
	client_core.c client_issue.c client_loss.c client_check.c) \
	$(addprefix server/block_cache/,init.c frame.c chunk.c job.c io.c read.c ahead.c write.c flush.c discard.c check.c) \
	$(addprefix lib/cache_policy/,cache_policy.c s3_fifo.c lru.c lirs.c check.c) lib/ring/ring.c lib/string/string.c
$(call host_test,crash_test,$(addprefix /,$(crash_sources)))
$(call host_tool,crash_states,$(addprefix /,$(crash_sources)),-DSTRING_UNDER_TEST)
$(call tool_test,crash_mutants,mutants)
