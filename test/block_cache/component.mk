# SPDX-License-Identifier: MIT
# test/block_cache: a client that looks at the disk behind the cache.
$(call component,block_cache_test,main.c load.c,base block_client contract config xml fmt string)
