# SPDX-License-Identifier: MIT
# lib/fmt: text from values, values from text, texts of status codes.
$(call library,fmt,fmt.c parse.c status_text.c,string)
$(call host_test,fmt_test,test/fmt_test.c fmt.c parse.c status_text.c)
