# SPDX-License-Identifier: MIT
# test/console: the console stack from the UART to its clients.
$(call component,console_client,main.c,base contract contract_dispatch terminal ring fmt string)
