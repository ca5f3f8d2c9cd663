# SPDX-License-Identifier: MIT
# test/leave: a client that dies with writes in flight.
$(call component,leave_test,main.c /app/block_tester/stamp.c,base block_client config contract fmt)
