/* SPDX-License-Identifier: MIT */
/*
 * A thread that answers the calls of one portal in the shortest loop there is. The server has two of them; the client
 * has one, for calls inside one address space.
 */
#ifndef TEST_BENCH_IPC_HANDLER_H
#define TEST_BENCH_IPC_HANDLER_H

#include "lib/base/entrypoint.h"
#include "lib/base/thread.h"

struct handler {
    struct entrypoint entrypoint; /* only its thread counts: there is no loop of lib/base here */
    struct portal portal;
};

/* Returns every message with its first word raised by 1. */
[[nodiscard]] enum status handler_start_echo(struct handler *handler);

/* The same for messages with a capability: see TAKER in wire.h. */
[[nodiscard]] enum status handler_start_taker(struct handler *handler);

/* A thread that waits for its notification, signals its peer's, and waits again. */
struct reflector {
    struct thread *thread;
    uint32_t own, peer;
};

/* `peer` is taken. */
[[nodiscard]] enum status reflector_start(struct reflector *reflector, uint32_t peer);

#endif
