# SPDX-License-Identifier: MIT
# driver/terminal/uart: a 16550 as a TERMINAL.
$(call component,uart_driver,main.c driver.c uart.c,base contract contract_dispatch terminal config xml ring fmt string)
$(call host_test,uart_test,test/uart_test.c uart.c)
