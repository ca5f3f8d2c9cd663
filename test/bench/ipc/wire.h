/* SPDX-License-Identifier: MIT */
/*
 * BENCH: hands out the portals that the client then calls without any library in between.
 *
 * A call through ECHO or TAKER returns the words that it brought, the first one raised by 1. TAKER accepts one capability
 * as well; a call to it without one drops all that it has got, which must happen before the 17th. REFLECTOR is no portal:
 * a thread that answers each signal with a signal, for one client.
 */
#ifndef TEST_BENCH_IPC_WIRE_H
#define TEST_BENCH_IPC_WIRE_H

#define BENCH_SERVICE   "BENCH"
#define BENCH_TAKEN_MAX 16u

enum bench_opcode {
    BENCH_ECHO = 1,  /* - -> capability 0: portal (CALL) */
    BENCH_TAKER = 2, /* - -> capability 0: portal (CALL) */
    BENCH_REFLECTOR =
        3, /* capability 0: notification (SIGNAL) to answer to -> capability 0: notification (SIGNAL) */
};

#endif
