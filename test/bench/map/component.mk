# SPDX-License-Identifier: MIT
# test/bench/map: what the kernel's part of mapping costs, measured in core's place.
$(call component,bench_map,start.S root.c /test/bench/ipc/measure.c,fmt string,core/core.ld)
