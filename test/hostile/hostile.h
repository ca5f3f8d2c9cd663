/* SPDX-License-Identifier: MIT */
#ifndef TEST_HOSTILE_HOSTILE_H
#define TEST_HOSTILE_HOSTILE_H

/* Random messages, then a crash. */
int noise(void);

#endif
