/* SPDX-License-Identifier: MIT */
/*
 * The two services of the quota test.
 *
 * KEEPER keeps what a client gives it, as long as the client pays. NEIGHBOUR works for itself and tells how it went.
 */
#ifndef TEST_QUOTA_WIRE_H
#define TEST_QUOTA_WIRE_H

#include <stdint.h>

#define KEEPER_SERVICE    "KEEPER"
#define NEIGHBOUR_SERVICE "NEIGHBOUR"

/* What one KEEPER session costs. */
#define KEEPER_SESSION_RAM  4096u
#define KEEPER_SESSION_CAPS 1u

enum keeper_opcode {
    KEEPER_KEEP_CAP = 1, /* capability 0 -> - */
    KEEPER_KEEP_RAM = 2, /* struct keeper_size -> - */
    KEEPER_LEND = 3, /* capability 0: dataspace, which the keeper uses until RELEASE, whoever has died -> - */
    KEEPER_RELEASE = 4, /* - -> struct keeper_report */
    KEEPER_OPCODE_COUNT = 5,
};

struct keeper_size {
    uint64_t bytes;
};

struct keeper_report {
    uint64_t rounds;  /* through all of the lent memory */
    uint64_t strange; /* words read that the keeper did not write */
};

enum neighbour_opcode {
    NEIGHBOUR_STOP = 1, /* - -> struct neighbour_report. It rests between two rounds */
    NEIGHBOUR_GO = 2,   /* - -> - */
    NEIGHBOUR_OPCODE_COUNT = 3,
};

struct neighbour_report {
    uint64_t rounds, failures;
};

/* Words that keeper and neighbour write, so that each can be told from the other's. */
#define KEEPER_WORD    0x7065656b7065656bull
#define NEIGHBOUR_WORD 0x6867696568676965ull

#endif
