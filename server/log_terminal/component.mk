# SPDX-License-Identifier: MIT
# server/log_terminal: LOG sessions and core's log on a TERMINAL.
$(call component,log_terminal,main.c lines.c,base contract contract_dispatch terminal config xml ring fmt string)
$(call host_test,log_terminal_test,test/lines_test.c lines.c /lib/fmt/fmt.c)
