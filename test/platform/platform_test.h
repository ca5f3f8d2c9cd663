/* SPDX-License-Identifier: MIT */
/*
 * The roles of platform_test, see main.c. Each returns the component's exit value.
 */
#ifndef TEST_PLATFORM_PLATFORM_TEST_H
#define TEST_PLATFORM_PLATFORM_TEST_H

#include "lib/base/env.h"
#include "lib/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void expect(bool good, const char *what);
void must(enum status status, const char *what);
unsigned failures(void);

int role_edu(struct env *environment);      /* main.c */
int role_again(struct env *environment);    /* main.c */
int role_messages(struct env *environment); /* nic.c */
int role_nvme(struct env *environment);     /* nvme.c */
int role_line(struct env *environment);     /* nic.c */
int role_mortal(struct env *environment);   /* death.c */
int role_witness(struct env *environment);  /* death.c */
int role_victim(struct env *environment);   /* hostile.c */
int role_hostile(struct env *environment);  /* hostile.c */

/* Bytes that nobody else writes by accident. */
void canary_put(void *memory, size_t size);
size_t canary_differs(const void *memory, size_t size);

#endif
