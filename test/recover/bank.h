/* SPDX-License-Identifier: MIT */
/*
 * BANK: accounts that are added to, each addition with a serial number, so that repeating one does no harm.
 *
 * The ledger keeps the accounts and never dies. The bank in front of it keeps nothing: it forwards, and dies on purpose in
 * the middle of requests. A client that has not got an answer repeats its request with the same serial number.
 */
#ifndef TEST_RECOVER_BANK_H
#define TEST_RECOVER_BANK_H

#include "lib/base/session.h"
#include "lib/base/status.h"
#include "lib/xml/xml.h"

#include <stdint.h>

struct entrypoint;

#define BANK_ACCOUNTS 8u

enum bank_opcode {
    BANK_ADD = 1,  /* struct bank_request -> struct bank_total: one more, if `serial` is the next one */
    BANK_READ = 2, /* struct bank_request -> struct bank_total */
    BANK_OPCODE_COUNT = 3,
};

struct bank_request {
    uint64_t account;
    uint64_t serial;
};

struct bank_total {
    uint64_t total;
};

[[nodiscard]] enum status bank_call(uint32_t session, enum bank_opcode opcode, uint64_t account,
                                    uint64_t serial, uint64_t *total);

/* A connection to a server that may die: reconnects and repeats until there is an answer. Counts how often. */
struct bank_client {
    struct session_options options;
    struct connection connection;
    unsigned lost;
};

[[nodiscard]] enum status bank_open(struct bank_client *client, const char *service);
[[nodiscard]] enum status bank_sure(struct bank_client *client, enum bank_opcode opcode, uint64_t account,
                                    uint64_t serial, uint64_t *total);

/* Roles. */
int ledger_main(struct entrypoint *entrypoint);
int bank_main(struct entrypoint *entrypoint, struct xml_node config);
int client_main(struct xml_node config);
int judge_main(struct xml_node config);
int hang_server_main(struct entrypoint *entrypoint, struct xml_node config);
int hang_client_main(void);
int stuck_main(void);
int life_main(struct entrypoint *entrypoint, struct xml_node config);

#endif
