# SPDX-License-Identifier: MIT
# server/block_cache: a cache between BLOCK sessions and a disk.
block_cache_core := init.c frame.c chunk.c job.c io.c read.c ahead.c write.c flush.c discard.c check.c
block_cache_world := test/world.c test/disk.c $(block_cache_core) \
	$(addprefix /lib/cache_policy/,cache_policy.c s3_fifo.c lru.c lirs.c check.c)
$(call component,block_cache,main.c config.c memory.c report.c $(block_cache_core) /lib/block/policy.c,\
	block_server block_client cache_policy base contract config xml fmt string)
$(call host_test,block_cache_random,test/random_test.c $(block_cache_world))
$(call host_test,block_cache_few_ios,test/random_test.c $(block_cache_world),-DCACHE_IOS=12u)
$(call host_test,block_cache_test,test/cache_test.c $(block_cache_world))
$(call tool_test,block_cache_mutants,test/cache_mutants)
