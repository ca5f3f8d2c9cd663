/* SPDX-License-Identifier: MIT */
/* block_fault as a component: configuration and wiring around fault.h. */
#ifndef SERVER_BLOCK_FAULT_SERVER_H
#define SERVER_BLOCK_FAULT_SERVER_H

#include "lib/base/memory.h"
#include "lib/xml/xml.h"
#include "server/block_fault/fault.h"

struct fault_config {
    struct xml_node root;
    bool record;
};

struct fault_server {
    struct block_device device; /* first */
    struct fault_config config;
    struct fault fault;
    struct block_client disk, log;
    struct entrypoint *entrypoint;
    struct memory buffers, record;
    bool submitting;
    struct timeout tick;
    struct deferred settle;
};

/* Rules go into server->fault. What is wrong is said in the log. */
[[nodiscard]] enum status config_read(struct fault_server *server);

/* Open the disks; what goes wrong is said in the log. */
[[nodiscard]] enum status disk_start(struct fault_server *server);
[[nodiscard]] enum status log_start(struct fault_server *server);

#endif
