# SPDX-License-Identifier: MIT
# lib/block: both halves of a BLOCK session.
block_engine := engine.c queue.c admission.c flush.c overlap.c
$(call library,block_server,$(block_engine) server.c,base contract_dispatch ring string)
block_world := $(addprefix test/,device.c client.c invariants.c) $(block_engine) /lib/ring/ring.c /lib/string/string.c
$(call host_test,block_engine_random,test/engine_random.c $(block_world))
