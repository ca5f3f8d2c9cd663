/* SPDX-License-Identifier: MIT */
/*
 * Attempts at forbidden things, and their tally. An attempt is refused if it was answered with a status, or if the
 * processor stopped it; anything else is a hole.
 */
#ifndef TEST_ISOLATION_ISOLATION_H
#define TEST_ISOLATION_ISOLATION_H

#include "lib/base/entrypoint.h"
#include "lib/base/status.h"
#include "lib/base/thread.h"

#include <stdbool.h>
#include <stdint.h>

/* Prints and counts one attempt; `what` names it, `how` says what happened. */
void attempt_end(bool refused, const char *what, const char *how);

/* Refused unless the status is OK. */
void attempt(const char *what, enum status status);

/* A heading; the attempts below it belong to it. */
void attempts_of(const char *what);

/* Something that must work for an attempt to mean anything: the program ends with a message if it does not. */
void need(enum status status, const char *what);

/* faults.c: `thread`, whose events arrive at the entry point from now on, makes the attempts. */
void faults_watch(struct entrypoint *entrypoint, struct thread *thread);
void faults_try(void);

void capabilities_try(void);
void sessions_try(void);

/* strays.c: likewise with an entry point of another thread. */
void strays_prepare(struct entrypoint *entrypoint);
void strays_try(void);

/* foreign.c: needs an entry point of another thread for the events. */
void foreign_prepare(struct entrypoint *entrypoint);
void foreign_try(void);

#endif
