/* SPDX-License-Identifier: MIT */
/*
 * IO_MEM, the client's half: device memory as a dataspace.
 *
 * `session` is the slot of the session's capability. Every call may return ERR_PEER_GONE.
 */
#ifndef CONTRACT_IO_MEM_CLIENT_H
#define CONTRACT_IO_MEM_CLIENT_H

#include "contract/io_mem/wire.h"
#include "lib/base/status.h"

#include <stddef.h>
#include <stdint.h>

/* *dataspace is *given*; attach it with lib/base/memory.h. */
[[nodiscard]] enum status io_mem_dataspace(uint32_t session, struct io_mem_range *out, uint32_t *dataspace);

#endif
