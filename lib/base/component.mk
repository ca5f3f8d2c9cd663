# SPDX-License-Identifier: MIT
# lib/base: the environment of a component. base_pure is its hardware-free part, which core and host tests use too.
$(call library,base_pure,dispatch.c slots.c timeout.c time_convert.c arena.c session_arg.c stack_trace.c,string fmt)
$(call library,base,start.S start.c thread.c cap.c kmem.c ipc.c pd_session.c parent_session.c notification.c lock.c \
    memory.c heap.c entrypoint.c session.c session_watch.c service.c resource.c time.c log.c panic.c vcpu.c,base_pure string fmt)
$(call host_test,slots_test,test/slots_test.c slots.c)
$(call host_test,arena_test,test/arena_test.c arena.c)
$(call host_test,base_test,test/base_test.c timeout.c time_convert.c session_arg.c stack_trace.c /lib/fmt/parse.c)
$(call host_test_tsan,lock_tsan,test/lock_tsan.c lock.c,-pthread)
