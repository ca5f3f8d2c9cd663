# SPDX-License-Identifier: MIT
# test/bench/idle: what an idle guest and an idle system use of a processor.
$(call component,bench_observer,observer.c spare.c,base terminal config contract)
