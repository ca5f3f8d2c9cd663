# SPDX-License-Identifier: MIT
# lib/string: memory and string functions under their standard names.
$(call library,string,string.c)
$(call host_test,string_test,test/string_test.c)
