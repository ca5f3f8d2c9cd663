# SPDX-License-Identifier: MIT
# lib/block: both halves of a BLOCK session.

# The client's half; block_client_core is its hardware-free part.
block_client_core := client_core.c client_issue.c client_loss.c client_check.c
block_client_world := $(addprefix test/,client_world.c fake_disk.c oracle.c) $(block_client_core) /lib/ring/ring.c
$(call library,block_client_core,$(block_client_core),ring string)
$(call library,block_client,client.c,block_client_core base contract fmt string)
$(call host_test,block_client_random,test/client_random_test.c $(block_client_world))
$(call host_test,block_client_test,test/client_test.c $(block_client_world))
$(call host_test,block_client_session,test/session_test.c client.c $(block_client_core) /lib/ring/ring.c /lib/fmt/status_text.c)
$(call fuzz_test,block_client_fuzz,test/client_fuzz.c $(block_client_core) /lib/ring/ring.c)
# As in a component: lib/string's functions, optimised, no sanitizers.
$(call host_test,block_client_cost,test/client_cost.c $(block_client_core) /lib/ring/ring.c /lib/string/string.c,-O2 -fno-sanitize=all -DSTRING_UNDER_TEST -fno-strict-aliasing)
$(call spin_model,block_queue_model,model/queue.pml,-DSAFETY -m1000000)
$(call spin_model,block_loss_model,model/loss.pml,-DSAFETY -m1000000)
$(call spin_model,block_replay_model,model/replay.pml,-DSAFETY -m1000000)
$(call host_test,block_queue_mutants,test/queue_mutants.c)
$(call host_test,block_loss_mutants,test/loss_mutants.c)
$(call tool_test,block_client_mutants,test/client_mutants)

# The server's half.
block_engine := engine.c queue.c complete.c admission.c flush.c overlap.c
$(call library,block_server,$(block_engine) server.c,base contract_dispatch fmt ring string)
block_world := $(addprefix test/,device.c client.c invariants.c) $(block_engine) /lib/ring/ring.c /lib/string/string.c
$(call host_test,block_engine_random,test/engine_random.c $(block_world))
$(call host_test,block_engine_test,test/engine_test.c test/rig.c $(block_engine) /lib/ring/ring.c /lib/string/string.c)
$(call host_test,block_peer_test,test/peer_test.c test/rig.c $(block_engine) /lib/ring/ring.c /lib/string/string.c)
$(call host_test,block_policy_test,test/policy_test.c policy.c /lib/config/config.c /lib/xml/xml.c /lib/fmt/fmt.c /lib/fmt/parse.c /lib/fmt/status_text.c /lib/string/string.c,-Wno-format)
$(call host_test,block_overlap_test,test/overlap_test.c overlap.c)
$(call fuzz_test,block_peer_fuzz,test/peer_fuzz.c test/rig.c $(block_engine) /lib/ring/ring.c /lib/string/string.c)
# As in a component: lib/string's functions, optimised, no sanitizers.
$(call host_test,block_engine_cost,test/engine_cost.c $(block_engine) /lib/ring/ring.c /lib/string/string.c,-O2 -fno-sanitize=all -DSTRING_UNDER_TEST -fno-strict-aliasing)
$(call tool_test,block_engine_mutants,test/engine_mutants)
