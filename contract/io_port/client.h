/* SPDX-License-Identifier: MIT */
/*
 * IO_PORT, the client's half: permission for a range of ports.
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE.
 */
#ifndef CONTRACT_IO_PORT_CLIENT_H
#define CONTRACT_IO_PORT_CLIENT_H

#include "contract/io_port/wire.h"
#include "lib/base/status.h"

#include <stddef.h>
#include <stdint.h>

/* Enables the ports for the calling component. */
[[nodiscard]] enum status io_port_enable(uint32_t session, struct io_port_range *out);

#endif
