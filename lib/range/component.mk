# SPDX-License-Identifier: MIT
# lib/range: header only; the bounds test.
$(call host_test,range_test,test/range_test.c)
