# SPDX-License-Identifier: MIT
# server/terminal_mux: several consoles on one TERMINAL.
$(call component,terminal_mux,main.c console.c mux.c,base contract contract_dispatch terminal config xml ring fmt string)
$(call host_test,terminal_mux_test,test/mux_test.c mux.c /lib/fmt/fmt.c)
