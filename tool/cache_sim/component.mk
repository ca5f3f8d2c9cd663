# SPDX-License-Identifier: MIT
# tool/cache_sim: miss ratios of the block cache's eviction policies on a trace.
$(call host_tool,cache_sim,main.c print.c trace.c simulate.c /lib/cache_policy/cache_policy.c /lib/cache_policy/s3_fifo.c \
	/lib/cache_policy/lru.c /lib/cache_policy/lirs.c /lib/fmt/parse.c)
$(call tool_test,tool_cache_sim,test/cache_sim_test.py)
