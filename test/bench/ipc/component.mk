# SPDX-License-Identifier: MIT
# test/bench/ipc: what communication costs, in instructions.
$(call component,bench_server,server.c handler.c,base base_pure)
$(call component,bench_client,client.c measure.c handler.c,base)
