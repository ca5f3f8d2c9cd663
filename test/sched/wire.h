/* SPDX-License-Identifier: MIT */
/*
 * What the components of scenario `priority` ask each other. Work is counted in rounds of one loop, which under QEMU's
 * -icount always take the same time; so a request has a length, whoever pays for it and however often it is interrupted.
 */
#ifndef TEST_SCHED_WIRE_H
#define TEST_SCHED_WIRE_H

#include <stdint.h>

#define WORK_SERVICE "WORK"
#define LOAD_SERVICE "LOAD"

#define LOAD_THREADS 3u

/* WORK: a server that computes in each request, and calls the server behind it in the middle. */
enum work_opcode {
    WORK_DO = 1, /* struct work_do -> - */
};

struct work_do {
    uint64_t rounds;
    uint64_t behind; /* rounds of the server behind; 0: it is not called */
};

/* LOAD: a component whose threads use the processor when they are told to. Asking costs the one who asks. */
enum load_opcode {
    LOAD_START = 1, /* struct load_start -> - */
    LOAD_STATE = 2, /* - -> struct load_state */
};

struct load_start {
    uint64_t until;      /* TSC: no work is begun after that */
    uint64_t requests;   /* the most that a thread does */
    uint64_t threads;    /* 1 to LOAD_THREADS */
    uint64_t rounds;     /* a request is a loop of so many, or ... */
    struct work_do work; /* ... if this has rounds, a call to the WORK server */
};

struct load_state {
    uint64_t done;     /* requests since the start, of all threads */
    uint64_t finished; /* TSC: the end of the last one */
    uint64_t running;  /* threads */
};

static inline void work(uint64_t rounds)
{
    while (rounds--)
        __asm__ volatile("");
}

#endif
