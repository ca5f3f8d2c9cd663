# SPDX-License-Identifier: MIT
# The document and the headers say the same.
$(call tool_test,kernel_interface,/tool/check-kernel-interface)
