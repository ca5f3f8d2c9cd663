/* SPDX-License-Identifier: MIT */
/*
 * The multiplexer between its clients and the terminal below; one for the whole component.
 */
#ifndef SERVER_TERMINAL_MUX_CONSOLE_H
#define SERVER_TERMINAL_MUX_CONSOLE_H

#include "lib/base/entrypoint.h"
#include "lib/xml/xml.h"

#include <stdint.h>

enum console_exit {
    EXIT_NO_CONFIG = 1,
    EXIT_NO_SCREEN = 2,
    EXIT_NO_SERVICE = 3,
};

/* Opens the terminal and announces the service. `config` has been checked and stays; `key` cycles the focus. Returns 0, or
   the exit code with which the component is to end; what is wrong has been said. */
int console_start(struct entrypoint *entrypoint, struct xml_node config, uint8_t key);

#endif
