# SPDX-License-Identifier: MIT
$(call host_tool,stamps,main.c /app/block_tester/stamp.c)
