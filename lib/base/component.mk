# SPDX-License-Identifier: MIT
# lib/base: the environment of a component. base_pure is its hardware-free part, which core and host tests use too.
$(call library,base_pure,dispatch.c slots.c timeout.c time_convert.c arena.c session_arg.c stack_trace.c,string fmt)
$(call library,base,start.S start.c thread.c cap.c kmem.c ipc.c pd_session.c parent_session.c notification.c lock.c \
    memory.c heap.c entrypoint.c session.c service.c time.c log.c panic.c vcpu.c,base_pure string fmt)
