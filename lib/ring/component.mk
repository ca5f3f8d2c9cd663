# SPDX-License-Identifier: MIT
# lib/ring: the one ring between two components, its model and its tests.
$(call library,ring,ring.c,string)
$(call host_test,ring_test,test/ring_test.c ring.c)
$(call host_test,ring_threads_asan,test/ring_threads.c ring.c,-pthread)
$(call host_test_tsan,ring_threads_tsan,test/ring_threads.c ring.c,-pthread)
$(call host_test,ring_mutants,test/ring_mutants.c)
$(call spin_model,ring_model,model/ring.pml,-DSAFETY -m1000000)
$(call spin_model,ring_progress,model/ring.pml,-DNP -l -f -m2000000)
