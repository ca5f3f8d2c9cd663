# SPDX-License-Identifier: MIT
# lib/cache_policy: eviction policies and the index that they share.
$(call library,cache_policy,cache_policy.c s3_fifo.c lru.c lirs.c check.c,string)
$(call host_test,cache_policy_test,test/policy_test.c cache_policy.c s3_fifo.c lru.c lirs.c check.c)
